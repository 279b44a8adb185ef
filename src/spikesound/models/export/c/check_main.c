int main(int argc, char **argv)
{
    model_start(&state);
    if (argc == 2 && !strcmp(argv[1], "-"))
        from_input();
    else if (argc == 3 && !strcmp(argv[1], "time"))
        timed(atof(argv[2]));
    else
        return checked();
    return 0;
}
