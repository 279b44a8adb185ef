#if (-1 >> 1) != -1
#error "needs a compiler whose >> of negative numbers keeps the sign"
#endif

#define HALF (MODEL_WINDOW / 2)

static int32_t clamped(int64_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : (int32_t)x;
}

/* x * factor / 2^shift, rounded. */
static int64_t scaled(int32_t x, int32_t factor, int shift)
{
    return ((int64_t)x * factor + ((int64_t)1 << (shift - 1))) >> shift;
}

/* Sine and cosine of 2 pi k / window for k up to half a window; 2^30 is 1. */
static int32_t sine(int k)
{
    return sines[k <= HALF / 2 ? k : HALF - k];
}

static int32_t cosine(int k)
{
    return k <= HALF / 2 ? sines[HALF / 2 - k] : -sines[k - HALF / 2];
}

/* Swaps complex numbers to bit-reversed places. */
static void reorder(int32_t *z)
{
    int i, j = 0, bit;
    for (i = 0; i < HALF; i++) {
        if (i < j) {
            int32_t re = z[2 * i], im = z[2 * i + 1];
            z[2 * i] = z[2 * j];
            z[2 * i + 1] = z[2 * j + 1];
            z[2 * j] = re;
            z[2 * j + 1] = im;
        }
        for (bit = HALF / 2; bit && (j & bit); bit /= 2)
            j -= bit;
        j += bit;
    }
}

/* Complex DFT of half a window's length, divided by that length. */
static void transform(int32_t *z)
{
    int size, start, k;
    reorder(z);
    for (size = 2; size <= HALF; size *= 2) {
        for (k = 0; k < size / 2; k++) {
            int64_t c = cosine(k * (MODEL_WINDOW / size)), s = sine(k * (MODEL_WINDOW / size));
            for (start = k; start < HALF; start += size) {
                int32_t *a = z + 2 * start, *b = a + size;
                int32_t re = (int32_t)((c * b[0] + s * b[1] + (1 << 29)) >> 30);
                int32_t im = (int32_t)((c * b[1] - s * b[0] + (1 << 29)) >> 30);
                b[0] = (a[0] - re + 1) >> 1;
                b[1] = (a[1] - im + 1) >> 1;
                a[0] = (a[0] + re + 1) >> 1;
                a[1] = (a[1] + im + 1) >> 1;
            }
        }
    }
}

/* Power of bin k of the window's real DFT, from the complex one of its even and odd samples. */
static uint64_t power(const int32_t *z, int k)
{
    const int32_t *a = z + 2 * (k % HALF), *b = z + 2 * ((HALF - k) % HALF);
    int64_t c = cosine(k), s = sine(k);
    int64_t even_re = (int64_t)a[0] + b[0], even_im = (int64_t)a[1] - b[1];
    int64_t odd_re = (int64_t)a[1] + b[1], odd_im = (int64_t)b[0] - a[0];
    int64_t round = (int64_t)1 << 31, one = (int64_t)1 << 30;
    int64_t re = (even_re * one + c * odd_re + s * odd_im + round) >> 32;
    int64_t im = (even_im * one + c * odd_im - s * odd_re + round) >> 32;
    return (uint64_t)(re * re) + (uint64_t)(im * im);
}

/* log2(high 2^32 + low) in units of 2^-16. */
static int32_t log2_of(uint64_t high, uint64_t low)
{
    uint64_t v;
    int exponent = 0, n = 0, half;
    int32_t place, rest, step;
    high += low >> 32;
    low &= 0xffffffffu;
    if (high < 0x80000000u) {
        v = high << 32 | low;
    } else {
        v = high;
        exponent = 32;
    }
    if (!v)
        return MODEL_NO_ENERGY;
    for (half = 32; half; half /= 2)
        if (v >> n >> half)
            n += half;
    v <<= 62 - n;
    place = (int32_t)(v >> 56 & 63);
    rest = (int32_t)(v >> 40 & 0xffff);
    step = (int32_t)logarithms[place + 1] - (int32_t)logarithms[place];
    return ((n + exponent) * 65536) + (int32_t)logarithms[place] + ((step * rest + 32768) >> 16);
}

/* Log-mel features of the window. */
static void front_end(model_state *state, int16_t *features)
{
    int i, k;
    for (i = 0; i < MODEL_WINDOW; i++) {
        int32_t taper = hann[i <= HALF ? i : MODEL_WINDOW - i];
        state->spectrum[i] = (state->samples[i] * taper) >> 2;
    }
    transform(state->spectrum);
    memset(state->energies, 0, sizeof state->energies);
    for (k = 0; k <= HALF; k++) {
        uint64_t p, high, low;
        if (!(slopes[k][0] | slopes[k][1]))
            continue;
        p = power(state->spectrum, k);
        high = p >> 32;
        low = p & 0xffffffffu;
        for (i = 0; i < 2; i++) {
            if (slopes[k][i]) {
                state->energies[bands[k] + i][0] += high * slopes[k][i];
                state->energies[bands[k] + i][1] += low * slopes[k][i];
            }
        }
    }
    for (i = 0; i < MODEL_BINS; i++) {
        int32_t level = log2_of(state->energies[i][0], state->energies[i][1]);
        if (level < floors[i])
            level = floors[i];
        features[i] = (int16_t)clamped(scaled(level - offsets[i], gains[i], 24), 0, 32767);
    }
}

/* sums += value * one row of weights. */
static void add_row(const struct layer *l, int32_t row, int32_t value, int32_t *sums)
{
    int32_t j;
    if (l->bytes) {
        const int8_t *w = l->bytes + row * l->width;
        for (j = 0; j < l->width; j++)
            sums[j] += value * w[j];
    } else {
        const int16_t *w = l->words + row * l->width;
        for (j = 0; j < l->width; j++)
            sums[j] += value * w[j];
    }
}

static int32_t input_of(const struct layer *l, const model_state *state, int32_t at, int32_t i)
{
    if (l->inputs == SPIKES)
        return state->spikes[at + i / 8] >> (i & 7) & 1;
    return l->inputs == COUNTS ? state->spikes[at + i] : state->values[at + i];
}

/* Adds a layer's weights times its inputs of row now and of the rows before, of one step. Rows after
 * newest are zero, and so are those before the first. */
static void add_layer(const struct layer *l, model_state *state, uint32_t now, uint32_t newest,
                      uint32_t step)
{
    int32_t tap, place, i;
    uint32_t slots = (uint32_t)((l->taps - 1) * l->dilation + 1);
    int32_t size = l->bins * l->channels, stored = l->inputs == SPIKES ? (size + 7) / 8 : size;
    for (tap = 0; tap < l->taps; tap++) {
        uint32_t back = (uint32_t)(tap * l->dilation);
        int32_t at;
        if (back > now)
            break;
        if (now - back > newest)
            continue;
        at = l->history + (int32_t)((now - back) % slots * (uint32_t)l->steps + step) * stored;
        for (place = 0; place < l->places; place++) {
            int32_t left = place * l->stride - l->padding, right = left + l->columns;
            int32_t first = (left > 0 ? left : 0) * l->channels;
            int32_t end = (right < l->bins ? right : l->bins) * l->channels;
            int32_t shift = (tap * l->columns - left) * l->channels;
            for (i = first; i < end; i++) {
                int32_t value;
                if (l->inputs == SPIKES && !(i & 7) && !state->spikes[at + i / 8]) {
                    i += 7; /* eight neurons that are silent */
                    continue;
                }
                value = input_of(l, state, at, i);
                if (value) {
                    add_row(l, shift + i, value, state->sums + place * l->width);
                    state->operations += (uint32_t)l->width;
                }
            }
        }
    }
}

/* Spikes of a neuron by its potential: above the threshold, and above each odd multiple of it. */
static int32_t spikes_of(const struct layer *l, int32_t u, int32_t c)
{
    int32_t n = 0;
    while (n < l->levels && u > (2 * n + 1) * (int64_t)l->thresholds[c])
        n++;
    return n;
}

/* One step of a leaky integrate-and-fire neuron; returns its spikes. */
static int32_t fires(const struct layer *l, int32_t *u, int32_t sum, int32_t c)
{
    int32_t before = l->reset == KEPT ? 0 : spikes_of(l, *u, c);
    int64_t v = before && l->reset == ZERO ? 0 : *u, next;
    if (l->reset == EARLY)
        v -= before * 2 * (int64_t)l->thresholds[c];
    next = scaled(clamped(v, INT32_MIN, INT32_MAX), l->decay, 30);
    next += (int64_t)sum * l->unit + l->biases[c];
    if (before && l->reset == SUBTRACT)
        next -= l->thresholds[c];
    *u = clamped(next, INT32_MIN, INT32_MAX);
    return spikes_of(l, *u, c);
}

/* Writes an output into the inputs of the layer behind it; units come in their order. */
static void store(const struct layer *n, model_state *state, uint32_t row, uint32_t step,
                  int32_t unit, int32_t value)
{
    uint32_t slots = (uint32_t)((n->taps - 1) * n->dilation + 1);
    int32_t size = n->bins * n->channels, slot = (int32_t)(row % slots * (uint32_t)n->steps + step);
    if (n->inputs == COUNTS) {
        state->spikes[n->history + slot * size + unit] = (uint8_t)value;
    } else if (n->inputs == SPIKES) {
        uint8_t *byte = state->spikes + n->history + slot * ((size + 7) / 8) + unit / 8;
        *byte = (uint8_t)(unit & 7 ? *byte | value << (unit & 7) : value);
    } else {
        state->values[n->history + slot * size + unit] = (int16_t)value;
    }
}

/* Sigmoid of x in units of 2^-12, in units of 2^-15. */
static uint16_t sigmoid(int32_t x)
{
    int32_t size = x < 0 ? -x : x, place = size >> 8, rest = size & 255, p;
    if (place >= 256)
        p = sigmoids[256];
    else
        p = sigmoids[place] + (((sigmoids[place + 1] - sigmoids[place]) * rest + 128) >> 8);
    return (uint16_t)(x < 0 ? 32768 - p : p);
}
