#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

/*FACTS*/

#ifdef __cplusplus
extern "C" {
#endif

/*SIZES*/

/* All that the detector keeps between calls; see RAM above. Set up by model_start. */
typedef struct {
    uint16_t probabilities[MODEL_CLASSES]; /* of the frame MODEL_LOOKAHEAD before, 32768 is 1 */
    uint16_t filtered[MODEL_CLASSES];      /* behind the median filter, MODEL_DELAY frames late */
    uint8_t active[MODEL_CLASSES];         /* 1: filtered is at or above the class's threshold */
    uint32_t frames;                       /* so far */
    uint32_t filled;                       /* samples that wait in the window */
    uint32_t tail;                         /* zeros taken after the end */
    uint32_t operations;                   /* multiply-adds or adds of the newest frame's layers */
    int16_t samples[MODEL_WINDOW];
    int32_t spectrum[MODEL_WINDOW];        /* real and imaginary parts in turn */
    uint64_t energies[MODEL_BINS][2];      /* of mel bands: units of 2^32, and of 1 */
    int16_t values[MODEL_VALUES];          /* inputs of layers, of as many frames as they reach */
    uint8_t spikes[MODEL_SPIKES];          /* where inputs are spikes, eight in a byte; or counts */
    int32_t potentials[MODEL_POTENTIALS];  /* of spiking neurons, then of the classes */
    int32_t sums[MODEL_WIDEST];            /* of the layer under way */
    int32_t scores[MODEL_CLASSES];         /* sums of the read-out */
    uint16_t window[MODEL_FILTER * MODEL_CLASSES]; /* of the median filter */
} model_state;

extern const char *const model_labels[MODEL_CLASSES];

/* Sets up the state before the first sample. */
void model_start(model_state *state);

/* Takes the next samples (mono, MODEL_RATE_HZ, 32768 is full scale), at most to the end of the next
 * frame, and returns how many it took. *frame is 1 if that frame is complete: its scores are in
 * the state; else 0. Call it again with what is left. */
uint32_t model_feed(model_state *state, const int16_t *samples, uint32_t count, int *frame);

/* Ends the sound: 1 if there was another frame, whose scores are in the state; 0: no more. */
int model_finish(model_state *state);

/* Computes the network alone on one frame of features (32767 is 1), and fills the scores. */
void model_step(model_state *state, const int16_t features[MODEL_BINS]);

#ifdef __cplusplus
}
#endif

#endif
