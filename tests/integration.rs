//! Integration tests over the public program.
