"""The face: `Client` and `Backend`, put together from what is below."""
