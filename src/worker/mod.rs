//! Floor 4. Worker processes: the only place where media is parsed, decoded and encoded. The parent side spawns
//! and talks to them; `child` is what runs inside. A crash, a hang or a leak in there costs one job.

pub mod child;
pub mod deaths;
mod memory;
pub mod pool;
pub mod prober;
pub mod process;
pub mod protocol;
pub mod sandbox;
pub mod source;
pub mod wire;

pub use deaths::Death;
pub use pool::{PoolStatus, Restock, WorkerPool};
pub use prober::WorkerProber;
pub use process::{Launch, Worker, WorkerError};
pub use source::{ReadRemote, Source};
