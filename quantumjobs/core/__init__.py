"""The pure heart: states, events, actions, records and the functions over them. No await, clock, randomness or I/O."""
