//! Who runs the command, as the system knows them: what stands in records of access and of overrides. The environment, which
//! anybody sets as they like, names nobody.

use anyhow::{Result, bail};

/// Longest name of somebody, in characters.
const LONGEST_NAME: usize = 100;

/// Who does something: whom the caller names, and the account that runs the command.
pub(crate) fn who(by: Option<&str>) -> Result<String> {
    match by.map(str::trim) {
        None => Ok(caller()),
        Some(name) if name.is_empty() || name.chars().count() > LONGEST_NAME => {
            bail!("--by: say who in 1 to {LONGEST_NAME} characters; it stands on the record")
        }
        Some(name) => Ok(format!("{name}, as {}", caller())),
    }
}

/// The account that this process runs as, by name and number; beside it who logged in, and who called sudo, where that is somebody
/// else: `root (uid 0, login alice uid 1000, sudo from alice uid 1000)`.
#[cfg(unix)]
pub(crate) fn caller() -> String {
    #[allow(unsafe_code, reason = "the system is asked through libc")]
    // SAFETY: it takes nothing and cannot fail.
    let uid = unsafe { libc::getuid() };
    // Linux keeps this number through su and sudo. All ones: nobody logged in, a service.
    let login = std::fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
    let login = login.filter(|login| ![uid, u32::MAX].contains(login));
    // Set by sudo, and by anybody else who likes: it is a hint beside the account, and never in its place.
    let sudo = std::env::var("SUDO_UID").ok().and_then(|text| text.parse().ok()).filter(|sudo| *sudo != uid);
    let beside = [("login", login), ("sudo from", sudo)];
    let beside: String =
        beside.into_iter().filter_map(|(how, uid)| uid.map(|uid| format!(", {how} {}", account(uid)))).collect();
    match name(uid) {
        Some(name) => format!("{name} (uid {uid}{beside})"),
        None => format!("uid {uid}{}", if beside.is_empty() { beside } else { format!(" ({})", &beside[2..]) }),
    }
}

/// The account that this process runs as, as the environment has it: nothing else is asked here.
#[cfg(not(unix))]
pub(crate) fn caller() -> String {
    let name = std::env::var("USERNAME").unwrap_or_else(|_| "unknown".into());
    format!("{name} (as the environment says)")
}

#[cfg(unix)]
fn account(uid: libc::uid_t) -> String {
    name(uid).map_or_else(|| format!("uid {uid}"), |name| format!("{name} uid {uid}"))
}

/// The name of an account; none where the system has none for the number, as in many containers.
#[cfg(unix)]
fn name(uid: libc::uid_t) -> Option<String> {
    use std::ffi::CStr;
    let mut buffer = vec![0; 16 * 1_024];
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::uninit();
    let mut found = std::ptr::null_mut();
    #[allow(unsafe_code, reason = "the system is asked through libc")]
    // SAFETY: the buffer outlives what points into it; `found` is null unless `entry` was filled.
    let name = unsafe {
        libc::getpwuid_r(uid, entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len(), &mut found);
        if found.is_null() {
            return None;
        }
        CStr::from_ptr((*found).pw_name)
    };
    name.to_str().ok().map(str::to_owned)
}
