//! Rules that travel without the platform's release train: signed repositories of policy modules.
//!
//! # Layout
//! Publishing: [`keys`] → [`publisher`] (a directory: staged, signed, published).
//! Taking: [`Trust`] (whom a platform believes) → `transport` (bounded) → `client` (TUF, and what it leaves open) → `take` (one
//! repository) → `trial` (one module) → [`sync`](sync()) (built, then switched) → [`store`] (generations) → [`reload`].
//! Both sides hold a repository against the same shape (`charter`) and the same [`names`].
//!
//! The library `normgate` knows nothing of this: it is given modules.

mod charter;
mod client;
mod clock;
mod digest;
mod error;
mod fault;
pub mod keys;
pub mod names;
#[cfg(feature = "oci")]
pub mod oci;
pub mod publisher;
mod release;
pub mod reload;
pub mod store;
mod sync;
mod take;
mod transport;
mod trial;
mod trust;

pub use charter::{Charter, Listed};
pub use clock::{day_at, lifetime, now_ms, today};
pub use error::{Error, Refusal, Result};
pub use release::Release;
pub use store::{Entry, Generation, Store};
pub use sync::{Checks, Synced, sync};
pub use transport::Bounds;
pub use trial::examine;
pub use trust::Trust;
