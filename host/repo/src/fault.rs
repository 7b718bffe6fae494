//! Where writing can be made to fail, for tests that pull the plug.

/// Passes a step of writing. With the feature `faults` and the environment variable NORMGATE_FAULT the process ends here
/// (`abort:STEP`), or the disk is full (`full:STEP`); `STEP:3` means the third time that the step is passed.
pub(crate) fn step(name: &str) -> std::io::Result<()> {
    #[cfg(feature = "faults")]
    if let Ok(fault) = std::env::var("NORMGATE_FAULT")
        && let Some((what, step)) = fault.split_once(':')
    {
        use std::sync::atomic::{AtomicU64, Ordering};
        static PASSED: AtomicU64 = AtomicU64::new(0);
        let (step, turn) = step.split_once(':').unwrap_or((step, "1"));
        if step == name && turn.parse() == Ok(PASSED.fetch_add(1, Ordering::Relaxed) + 1) {
            match what {
                "abort" => std::process::abort(),
                _ => return Err(std::io::ErrorKind::StorageFull.into()),
            }
        }
    }
    let _ = name;
    Ok(())
}
