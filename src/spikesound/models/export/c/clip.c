/* Sums of the last layer's outputs, by channel. */
static void collect(model_state *state, int32_t channel, int32_t value)
{
    state->row[channel] += value;
}

static void end_row(model_state *state)
{
    int32_t c;
    for (c = 0; c < MODEL_CHANNELS; c++) {
        state->total[c] += state->row[c];
        if (state->row[c] > state->most[c])
            state->most[c] = state->row[c];
        state->row[c] = 0;
    }
}

/* One row of a layer's output, at all time steps. The inputs of the first layer of a spiking
 * network are the same at each of them. */
static void run_row(int number, model_state *state, uint32_t now, uint32_t newest)
{
    const struct layer *l = layers + number;
    int32_t i, step, steps = l->thresholds ? MODEL_STEPS : 1, units = l->places * l->width;
    memset(state->potentials, 0, sizeof state->potentials);
    for (step = 0; step < steps; step++) {
        if (!step || l->steps > 1) {
            memset(state->sums, 0, (size_t)units * sizeof *state->sums);
            add_layer(l, state, now, newest, (uint32_t)step);
        }
        for (i = 0; i < units; i++) {
            int32_t c = i % l->width, sum = state->sums[i], value;
            if (l->thresholds)
                value = fires(l, state->potentials + i, sum, c);
            else
                value = clamped(scaled(sum + l->biases[c], l->factors[c], l->shifts[c]), 0, 32767);
            if (l->next >= 0)
                store(layers + l->next, state, state->received[l->next], (uint32_t)step, i, value);
            else
                collect(state, c, value);
        }
    }
    if (l->next < 0)
        end_row(state);
}

/* Takes one more row of a layer's input, zero if the input has ended; returns whether an output row
 * was complete with it. */
static int take_row(int number, model_state *state)
{
    uint32_t now = state->received[number]++;
    uint32_t newest = (uint32_t)heights[number] - 1, first = (uint32_t)leads[number];
    if (now < first || (now - first) % strides[number]
        || state->given[number] == (uint32_t)heights[number + 1])
        return 0;
    run_row(number, state, now, newest);
    state->given[number]++;
    return 1;
}

static void take_rows(int first, model_state *state)
{
    int number = first;
    while (number < MODEL_LAYERS && take_row(number, state))
        number++;
}

void model_start(model_state *state)
{
    memset(state, 0, sizeof *state);
    state->filled = HALF; /* half a window of zeros before the first sample */
}

void model_feed(model_state *state, const int16_t *samples, uint32_t count)
{
    int16_t features[MODEL_BINS];
    while (count && state->frames < MODEL_FRAMES) {
        uint32_t free = MODEL_WINDOW - state->filled, taken = count < free ? count : free;
        int i;
        memcpy(state->samples + state->filled, samples, taken * sizeof *samples);
        state->filled += taken;
        samples += taken;
        count -= taken;
        if (state->filled < MODEL_WINDOW)
            break;
        front_end(state, features);
        for (i = 0; i < MODEL_BINS; i++)
            store(layers, state, state->frames, 0, i, features[i]);
        take_rows(0, state);
        state->frames++;
        state->filled = MODEL_WINDOW - MODEL_HOP;
        memmove(state->samples, state->samples + MODEL_HOP,
                state->filled * sizeof *state->samples);
    }
}

/* e^(-d / 4096) in units of 2^-30. */
static uint64_t exponential(int64_t d)
{
    int64_t x = (d * 94548 + 32768) >> 16; /* d log2(e) */
    int64_t whole = x >> 12, place = x >> 6 & 63, rest = x & 63;
    int64_t y = exponentials[place];
    if (whole > 30)
        return 0;
    y -= ((y - exponentials[place + 1]) * rest + 32) >> 6;
    return (uint64_t)(y >> whole);
}

static void read_out(model_state *state)
{
    int32_t c, k, best = INT32_MIN;
    uint64_t all = 0;
    for (k = 0; k < MODEL_CLASSES; k++) {
        int64_t sum = 0, y;
        for (c = 0; c < MODEL_CHANNELS; c++) {
            int32_t row = c * MODEL_CLASSES + k;
            int64_t w = readout.bytes ? readout.bytes[row] : readout.words[row];
            sum += w * ((int64_t)state->total[c] + (int64_t)state->most[c] * heights[MODEL_LAYERS]);
        }
        y = ((sum + (int64_t)readout.biases[k]) * readout.factors[k]
             + ((int64_t)1 << (readout.shifts[k] - 1))) >> readout.shifts[k];
        state->logits[k] = clamped(y, -(1 << 24), 1 << 24);
        if (state->logits[k] > best)
            best = state->logits[k];
    }
    for (k = 0; k < MODEL_CLASSES; k++)
        all += exponential((int64_t)best - state->logits[k]);
    for (k = 0; k < MODEL_CLASSES; k++) {
        uint64_t e = exponential((int64_t)best - state->logits[k]);
        if (MODEL_SINGLE)
            state->probabilities[k] = (uint16_t)((e * 32768 + all / 2) / all);
        else
            state->probabilities[k] = sigmoid(clamped(state->logits[k], -65536, 65536));
    }
}

void model_finish(model_state *state)
{
    static const int16_t zeros[64];
    int number;
    while (state->frames < MODEL_FRAMES)
        model_feed(state, zeros, 64);
    for (number = 0; number < MODEL_LAYERS; number++)
        while (state->given[number] < (uint32_t)heights[number + 1])
            if (take_row(number, state))
                take_rows(number + 1, state);
    read_out(state);
}
