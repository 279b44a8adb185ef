static model_state state;

/* Noise in bursts, and a sawtooth, of another loudness and pitch each 2048 samples. */
static int16_t sample(uint32_t n, uint32_t *seed)
{
    static const int quieter[8] = {1, 9, 3, 15, 2, 6, 4, 12};
    uint32_t block = n / 2048;
    int32_t tooth = (int32_t)(n * (block % 5 * 700 + 211) & 0xffff) - 32768;
    *seed = *seed * 1664525u + 1013904223u;
    return (int16_t)(((int32_t)(*seed >> 16) - 32768) / (1 << quieter[block % 8])
                     + tooth / (1 << quieter[(block / 2 + 3) % 8]));
}
