/* Checks the detector on a sound that is made here, against what the exporter computed.
 *
 * without arguments: compares all probabilities, and exits with 1 if one differs
 * -:                 reads samples (16 bits, this machine's byte order) from standard input, prints
 *                    each frame's operations, probabilities and active classes
 * time SECONDS:      prints the processor time of front end and network a frame */
/*INCLUDES*/
#define FRAMES /*FRAMES*/
#define SAMPLES /*SAMPLES*/

static const uint16_t expected[FRAMES][MODEL_CLASSES] = {
/*VECTORS*/
};

/*SOUND*/

static void print_frame(void)
{
    int c;
    printf("%lu", (unsigned long)state.operations);
    for (c = 0; c < MODEL_CLASSES; c++)
        printf(" %u", (unsigned)state.probabilities[c]);
    for (c = 0; c < MODEL_CLASSES; c++)
        printf(" %u", (unsigned)state.active[c]);
    printf("\n");
}

static void from_input(void)
{
    static int16_t samples[4096];
    size_t count;
    int frame;
    while ((count = fread(samples, sizeof *samples, 4096, stdin)) > 0) {
        const int16_t *next = samples;
        while (count) {
            uint32_t taken = model_feed(&state, next, (uint32_t)count, &frame);
            if (frame)
                print_frame();
            next += taken;
            count -= taken;
        }
    }
    while (model_finish(&state))
        print_frame();
}

static void timed(double seconds)
{
    static int16_t samples[32 * MODEL_HOP];
    uint32_t i, seed = 1, frames = 0;
    clock_t start, end;
    int frame;
    for (i = 0; i < 32 * MODEL_HOP; i++)
        samples[i] = sample(i, &seed);
    start = clock();
    do {
        for (i = 0; i < 32 * MODEL_HOP;) {
            i += model_feed(&state, samples + i, 32 * MODEL_HOP - i, &frame);
            frames += (uint32_t)frame;
        }
        end = clock();
    } while ((double)(end - start) < seconds * CLOCKS_PER_SEC);
    printf("%.3f microseconds a frame, %lu frames\n",
           1e6 * (double)(end - start) / CLOCKS_PER_SEC / frames, (unsigned long)frames);
}

/* Compares the newest frame with what is expected; counts the frames in *done. */
static int same(uint32_t *done)
{
    if (*done == FRAMES
        || memcmp(state.probabilities, expected[*done], sizeof expected[*done])) {
        printf("frame %lu differs\n", (unsigned long)*done);
        return 0;
    }
    ++*done;
    return 1;
}

static int checked(void)
{
    uint32_t n, seed = 1, done = 0;
    int frame;
    for (n = 0; n < SAMPLES; n++) {
        int16_t next = sample(n, &seed);
        model_feed(&state, &next, 1, &frame);
        if (frame && !same(&done))
            return 1;
    }
    while (model_finish(&state))
        if (!same(&done))
            return 1;
    if (done < FRAMES) {
        printf("expected %d frames, got %lu\n", FRAMES, (unsigned long)done);
        return 1;
    }
    printf("all %d probabilities are equal; state: %lu bytes\n", FRAMES * MODEL_CLASSES,
           (unsigned long)sizeof state);
    return 0;
}

/*MAIN*/
