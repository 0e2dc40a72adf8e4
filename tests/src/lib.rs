//! Nothing lives here: the tests are in `integration.rs`.
