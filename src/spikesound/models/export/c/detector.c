/* Gives a layer's outputs to the layer behind it and to the read-out. */
static void put(const struct layer *l, model_state *state, int32_t unit, int32_t value)
{
    if (l->next >= 0)
        store(layers + l->next, state, state->frames, 0, unit, value);
    if (l->read >= 0 && value) {
        add_row(&readout, l->read + unit, value, state->scores);
        state->operations += MODEL_CLASSES;
    }
}

static void run_layer(const struct layer *l, model_state *state)
{
    int32_t i, units = l->places * l->width;
    memset(state->sums, 0, (size_t)units * sizeof *state->sums);
    add_layer(l, state, state->frames, state->frames, 0);
    for (i = 0; i < units; i++) {
        int32_t c = i % l->width, sum = state->sums[i];
        if (l->thresholds)
            put(l, state, i, fires(l, state->potentials + l->potentials + i, sum, c));
        else
            put(l, state, i, clamped(scaled(sum + l->biases[c], l->factors[c], l->shifts[c]), 0,
                                     32767));
    }
}

/* Median of one class around an output, of those that are of a frame: the lower of two middle ones.
 * The first MODEL_LOOKAHEAD outputs are of none. */
static uint16_t median(const model_state *state, int c, uint32_t centre, uint32_t newest)
{
    uint32_t half = halves[c], at, other;
    uint32_t first = centre >= half + MODEL_LOOKAHEAD ? centre - half : MODEL_LOOKAHEAD;
    uint32_t last = centre + half < newest ? centre + half : newest;
    uint32_t wanted = (last - first) / 2;
    for (at = first; at <= last; at++) {
        uint16_t x = state->window[at % MODEL_FILTER * MODEL_CLASSES + (uint32_t)c];
        uint32_t below = 0, equal = 0;
        for (other = first; other <= last; other++) {
            uint16_t y = state->window[other % MODEL_FILTER * MODEL_CLASSES + (uint32_t)c];
            below += y < x;
            equal += y == x;
        }
        if (below <= wanted && wanted < below + equal)
            return x;
    }
    return 0;
}

/* Filters the output of one frame, MODEL_DELAY before the newest, and compares it with the
 * thresholds. */
static void decide(model_state *state, uint32_t centre, uint32_t newest)
{
    int c;
    for (c = 0; c < MODEL_CLASSES; c++) {
        state->filtered[c] = median(state, c, centre, newest);
        state->active[c] = state->filtered[c] >= limits[c];
    }
}

void model_start(model_state *state)
{
    memset(state, 0, sizeof *state);
    state->filled = HALF; /* half a window of zeros before the first sample */
}

void model_step(model_state *state, const int16_t features[MODEL_BINS])
{
    int32_t i, c;
    uint32_t slots = (uint32_t)((layers[0].taps - 1) * layers[0].dilation + 1);
    int16_t *input = state->values + (int32_t)(state->frames % slots) * MODEL_BINS;
    for (i = 0; i < MODEL_BINS; i++)
        input[i] = features[i];
    state->operations = 0;
    memset(state->scores, 0, sizeof state->scores);
    for (i = 0; i < MODEL_LAYERS; i++)
        run_layer(layers + i, state);
    for (c = 0; c < MODEL_CLASSES; c++) {
        int32_t *u = state->potentials + readout.potentials + c;
        int64_t next = scaled(*u, readout.decay, 30) + (int64_t)state->scores[c] * readout.unit;
        *u = clamped(next + readout.biases[c], INT32_MIN, INT32_MAX);
        state->probabilities[c] = sigmoid(
            clamped(scaled(*u, readout.factors[c], readout.shifts[c]), -65536, 65536));
        state->window[state->frames % MODEL_FILTER * MODEL_CLASSES + (uint32_t)c] =
            state->probabilities[c];
    }
    if (state->frames >= MODEL_DELAY)
        decide(state, state->frames - (MODEL_DELAY - MODEL_LOOKAHEAD), state->frames);
    state->frames++;
}

uint32_t model_feed(model_state *state, const int16_t *samples, uint32_t count, int *frame)
{
    int16_t features[MODEL_BINS];
    uint32_t free = MODEL_WINDOW - state->filled, taken = count < free ? count : free;
    memcpy(state->samples + state->filled, samples, taken * sizeof *samples);
    state->filled += taken;
    *frame = state->filled == MODEL_WINDOW;
    if (*frame) {
        front_end(state, features);
        model_step(state, features);
        state->filled = MODEL_WINDOW - MODEL_HOP;
        memmove(state->samples, state->samples + MODEL_HOP,
                state->filled * sizeof *state->samples);
    }
    return taken;
}

int model_finish(model_state *state)
{
    static const int16_t zeros[64];
    int frame = 0;
    while (!frame && state->tail < HALF) {
        uint32_t left = HALF - state->tail;
        state->tail += model_feed(state, zeros, left < 64 ? left : 64, &frame);
    }
    return frame;
}
