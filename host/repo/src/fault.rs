//! Where writing can be made to fail, for tests that pull the plug.

/// Passes a step of writing. With the feature `faults` and the environment variable NORMGATE_FAULT the process ends here
/// (`abort:STEP`), or the disk is full (`full:STEP`).
pub(crate) fn step(name: &str) -> std::io::Result<()> {
    #[cfg(feature = "faults")]
    if let Ok(fault) = std::env::var("NORMGATE_FAULT") {
        match fault.split_once(':') {
            Some(("abort", step)) if step == name => std::process::abort(),
            Some(("full", step)) if step == name => return Err(std::io::ErrorKind::StorageFull.into()),
            _ => {}
        }
    }
    let _ = name;
    Ok(())
}
