//! Mail on its way through the daemons.

mod rest;
