"""Sound devices and the two threads that serve them."""
