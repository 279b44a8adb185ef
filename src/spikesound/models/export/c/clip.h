#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

/*FACTS*/

#ifdef __cplusplus
extern "C" {
#endif

/*SIZES*/

/* All that the classifier keeps between calls; see RAM above. Set up by model_start. */
typedef struct {
    uint16_t probabilities[MODEL_CLASSES]; /* of the clip, 32768 is 1 */
    int32_t logits[MODEL_CLASSES];         /* 4096 is 1 */
    uint32_t frames;                       /* so far */
    uint32_t filled;                       /* samples that wait in the window */
    uint32_t operations;                   /* multiply-adds or adds in the layers, of the clip */
    int16_t samples[MODEL_WINDOW];
    int32_t spectrum[MODEL_WINDOW];        /* real and imaginary parts in turn */
    uint64_t energies[MODEL_BINS][2];      /* of mel bands: units of 2^32, and of 1 */
    int16_t values[MODEL_VALUES];          /* inputs of layers, of as many rows as they reach */
    uint8_t spikes[MODEL_SPIKES];          /* the same where inputs are spikes, eight in a byte */
    int32_t potentials[MODEL_WIDEST];      /* of the row under way */
    int32_t sums[MODEL_WIDEST];
    uint32_t received[MODEL_LAYERS];       /* rows of each layer's input */
    uint32_t given[MODEL_LAYERS];          /* rows of its output */
    int32_t row[MODEL_CHANNELS];           /* of the last layer, by channel: sum of the row */
    int32_t total[MODEL_CHANNELS];         /* sum of all rows */
    int32_t most[MODEL_CHANNELS];          /* largest row */
} model_state;

extern const char *const model_labels[MODEL_CLASSES];

/* Sets up the state before the first sample of a clip. */
void model_start(model_state *state);

/* Takes the next samples (mono, MODEL_RATE_HZ, 32768 is full scale). Layers run as soon as their
 * rows are there; what lies beyond MODEL_FRAMES frames is not used. */
void model_feed(model_state *state, const int16_t *samples, uint32_t count);

/* Ends the clip: what is missing is silence. Fills logits and probabilities. */
void model_finish(model_state *state);

#ifdef __cplusplus
}
#endif

#endif
