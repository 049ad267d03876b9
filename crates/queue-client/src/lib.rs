//! queue-client
