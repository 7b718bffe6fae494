//! Giving up rights, for good, before anything that strangers made is looked at.
//!
//! On Linux files are given up through Landlock and calls of the system through seccomp; a process needs no rights for either, and
//! hands both on to what it starts. Elsewhere there is neither.

use std::path::PathBuf;

/// Leaves this process, which compiles a module, its memory, its threads and the pipes that are open. What the kernel does not
/// have, it cannot take away.
pub(crate) fn to_compile() {
    #[cfg(target_os = "linux")]
    linux::to_compile();
}

/// Leaves this process, and what it starts, these files and folders to read and run, these folders to write to, and no network.
///
/// # Errors
/// When the kernel cannot do all of it. Then nothing may be started.
pub(crate) fn to_build(read: &[PathBuf], write: &[PathBuf]) -> Result<(), String> {
    #[cfg(target_os = "linux")]
    return linux::to_build(read, write);
    #[cfg(not(target_os = "linux"))]
    Err(format!("this system has no sandbox for {} and {} folders", read.len(), write.len()))
}

/// Bounds this process and each that it starts: processor time in seconds, memory that it may write to and a file that it writes,
/// in bytes. It holds in case that a parent dies before the deadline, too.
pub(crate) fn bound(seconds: u64, memory: u64, file: u64) {
    #[cfg(unix)]
    #[allow(unsafe_code, reason = "resource limits are set through libc")]
    // SAFETY: each call reads a struct that lives until it returns.
    unsafe {
        for (resource, bound) in [
            (libc::RLIMIT_CPU, seconds),
            (libc::RLIMIT_DATA, memory),
            (libc::RLIMIT_FSIZE, file),
            (libc::RLIMIT_CORE, 0),
        ] {
            let bound = bound as libc::rlim_t;
            libc::setrlimit(resource, &libc::rlimit { rlim_cur: bound, rlim_max: bound });
        }
    }
    #[cfg(not(unix))]
    let _ = (seconds, memory, file);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated,
        RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
    };
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

    /// The first that keeps files apart; what later ones add is taken where the kernel has it.
    const FILES: ABI = ABI::V1;
    /// The last whose rights this file knows.
    const LATEST: ABI = ABI::V6;

    /// Calls that a compiler needs once it runs: memory, threads, and the pipes that it was given.
    const COMPILING: &[i64] = &[
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_ppoll,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_membarrier,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_getcpu,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_prctl,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_getrandom,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// Calls that reach beyond a build's own files and processes.
    const BEYOND_A_BUILD: &[i64] = &[
        libc::SYS_socket,
        libc::SYS_io_uring_setup,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_mount,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_truncate,
        libc::SYS_fchownat,
    ];

    pub(super) fn to_compile() {
        let none: [&Path; 0] = [];
        let _ = files(CompatLevel::BestEffort, none, none).and_then(RulesetCreated::restrict_self);
        if let Ok(filter) = filter(COMPILING, SeccompAction::Allow, denied()) {
            let _ = apply_filter(&filter);
        }
    }

    pub(super) fn to_build(read: &[PathBuf], write: &[PathBuf]) -> Result<(), String> {
        let files = files(CompatLevel::HardRequirement, read, write).and_then(RulesetCreated::restrict_self);
        files.map_err(|error| format!("Landlock: {error}"))?;
        build_filter().and_then(|filter| apply_filter(&filter)).map_err(|error| format!("seccomp: {error}"))
    }

    /// Nothing of the file system but these; of what later kernels can keep apart too, nothing at all.
    fn files<P: AsRef<Path>>(
        needed: CompatLevel,
        read: impl IntoIterator<Item = P>,
        write: impl IntoIterator<Item = P>,
    ) -> Result<RulesetCreated, RulesetError> {
        Ruleset::default()
            .set_compatibility(needed)
            .handle_access(AccessFs::from_all(FILES))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(LATEST))?
            .handle_access(AccessNet::from_all(LATEST))?
            .scope(Scope::from_all(LATEST))?
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(LATEST)))?
            .add_rules(path_beneath_rules(write, AccessFs::from_all(LATEST)))
    }

    fn build_filter() -> Result<BpfProgram, seccompiler::Error> {
        filter(BEYOND_A_BUILD, denied(), SeccompAction::Allow)
    }

    /// A call that is denied fails, as it does for want of rights.
    fn denied() -> SeccompAction {
        SeccompAction::Errno(libc::EPERM as u32)
    }

    fn filter(calls: &[i64], these: SeccompAction, others: SeccompAction) -> Result<BpfProgram, seccompiler::Error> {
        let calls: BTreeMap<i64, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
        let machine = TargetArch::try_from(std::env::consts::ARCH)?;
        Ok(SeccompFilter::new(calls, others, these, machine)?.try_into()?)
    }
}
