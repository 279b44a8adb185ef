"""How much of its accuracy a model keeps when sound or hardware are not what they were."""
