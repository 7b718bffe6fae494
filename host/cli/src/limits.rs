//! Names the limit of this process that a refusal of the system met.

/// The way out for what a sentence says the system refused; nothing where no limit of this process is met.
#[cfg(unix)]
pub(crate) fn met(sentence: &str) -> String {
    use rustix::process::{Resource, getrlimit};

    let says = |code: i32| sentence.contains(&format!("(os error {code})"));
    let bound = |resource| getrlimit(resource).current;
    match (bound(Resource::Nofile), bound(Resource::As)) {
        (Some(files), _) if says(libc::EMFILE) => {
            format!("; this process may have {files} files open at a time (`ulimit -n`): allow it more")
        }
        (_, Some(bytes)) if says(libc::ENOMEM) && !sentence.contains("NORMGATE_ALLOCATION") => format!(
            "; this process may have {bytes} bytes of address space (`ulimit -v`), of which a call takes about 4 GiB: allow it more"
        ),
        _ => String::new(),
    }
}

#[cfg(not(unix))]
pub(crate) fn met(_sentence: &str) -> String {
    String::new()
}
