/* Checks the classifier on a clip that is made here, against what the exporter computed.
 *
 * without arguments: compares logits and probabilities, and exits with 1 if one differs
 * -:                 reads the samples of a clip (16 bits, this machine's byte order) from standard
 *                    input, prints operations, probabilities and logits
 * time SECONDS:      prints the processor time of front end and network a clip */
/*INCLUDES*/
#define SAMPLES /*SAMPLES*/

static const uint16_t expected[MODEL_CLASSES] = {/*VECTORS*/};
static const int32_t expected_logits[MODEL_CLASSES] = {/*LOGITS*/};

/*SOUND*/

static void print_scores(void)
{
    int c;
    printf("%lu", (unsigned long)state.operations);
    for (c = 0; c < MODEL_CLASSES; c++)
        printf(" %u", (unsigned)state.probabilities[c]);
    for (c = 0; c < MODEL_CLASSES; c++)
        printf(" %ld", (long)state.logits[c]);
    printf("\n");
}

static void from_input(void)
{
    static int16_t samples[4096];
    size_t count;
    while ((count = fread(samples, sizeof *samples, 4096, stdin)) > 0)
        model_feed(&state, samples, (uint32_t)count);
    model_finish(&state);
    print_scores();
}

static void made(void)
{
    uint32_t n, seed = 1;
    model_start(&state);
    for (n = 0; n < SAMPLES; n++) {
        int16_t next = sample(n, &seed);
        model_feed(&state, &next, 1);
    }
    model_finish(&state);
}

static void timed(double seconds)
{
    clock_t start = clock(), end;
    unsigned clips = 0;
    do {
        made();
        clips++;
        end = clock();
    } while ((double)(end - start) < seconds * CLOCKS_PER_SEC);
    printf("%.1f microseconds a clip, %u clips\n",
           1e6 * (double)(end - start) / CLOCKS_PER_SEC / clips, clips);
}

static int checked(void)
{
    made();
    if (memcmp(state.probabilities, expected, sizeof expected)
        || memcmp(state.logits, expected_logits, sizeof expected_logits)) {
        printf("the scores differ\n");
        return 1;
    }
    printf("all %d logits and probabilities are equal; state: %lu bytes\n", MODEL_CLASSES,
           (unsigned long)sizeof state);
    return 0;
}

/*MAIN*/
