//! Moments as text: the date of `Date:` and `Received:` lines, the mbox `From ` line, the stamp
//! of a `Message-ID:`, and TAI64N labels. All of it UTC but for one date in local time, all of it
//! from seconds given by the caller; nothing here looks at a clock.

mod civil;
mod fromline;
mod rfc822;
mod tai64n;

pub use civil::Civil;
pub use fromline::from_line;
pub use rfc822::{digits, rfc822, rfc822_at};
pub use tai64n::tai64n;
