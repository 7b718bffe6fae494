//! Compiling modules that nobody trusts, in a child of this program that is killed at its deadline.
//!
//! A compiler is not a sandbox: a module may be made so that compiling it takes hours or all memory, or so that the compiler does
//! what the module wants. So the child gets a deadline and a bound on memory, gives up files, network and programs before it reads
//! a byte of the module, hands its artifact back over a pipe, and leaves nothing behind when it is killed.

use std::io::{self, Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::Args as ClapArgs;
use normgate::{Artifact, Backend, Module};

use crate::confine;
use crate::screen;

/// Name of the hidden command that compiles.
pub(crate) const COMMAND: &str = "compile-module";

/// How long compiling one module may take: a hundred times what the largest that we ship takes. An engineering default.
const DEADLINE: Duration = Duration::from_secs(10);

/// Memory that the child may write to, in bytes.
const MEMORY: u64 = 2 << 30;

/// What the child compiles for.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Compile for the interpreter
    #[arg(long)]
    interpreter: bool,
}

/// Compiles a module in a child process.
pub(crate) fn in_child(module: &Module) -> Result<Artifact, String> {
    in_child_for(module, Backend::Native)
}

/// Compiles a module for a backend in a child process.
pub(crate) fn in_child_for(module: &Module, backend: Backend) -> Result<Artifact, String> {
    let program =
        std::env::current_exe().map_err(|error| format!("cannot find this program to compile with: {error}"))?;
    let mut child = Command::new(program)
        .arg(COMMAND)
        .args((backend == Backend::Interpreter).then_some("--interpreter"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start the compiler: {error}"))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let bytes = module.bytes.clone();
    // A child that is killed closes its pipes, and each of these ends.
    let feeding = thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&bytes)));
    let reading = thread::spawn(move || read(stdout));
    let complaining = thread::spawn(move || read(stderr));
    let begin = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if begin.elapsed() < DEADLINE => thread::sleep(Duration::from_millis(2)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    let _ = feeding.join();
    let artifact = reading.join().unwrap_or_default();
    let complaint = complaining.join().unwrap_or_default();
    match status {
        Some(status) if status.success() => Ok(received(module, artifact)),
        Some(_) => {
            let complaint = String::from_utf8_lossy(&complaint);
            let last = complaint.trim().lines().last().unwrap_or("it ran out of memory or time").to_owned();
            Err(format!("the compiler refused it: {}", last.trim_start_matches("normgate: ")))
        }
        None => Err(format!("compiling took longer than {} s and was stopped", DEADLINE.as_secs())),
    }
}

#[allow(unsafe_code, reason = "machine code comes out of a pipe")]
fn received(module: &Module, artifact: Vec<u8>) -> Artifact {
    // SAFETY: the bytes are those of a pipe that nobody else holds, and at its other end was this very program, which read this
    // module and ran `precompile`.
    unsafe { Artifact::from_bytes(module, artifact) }
}

fn read(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What was read before an error is no artifact; deserializing it says so.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

/// The child's side: a component on standard input, its artifact on standard output.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    // A process that is killed for writing a file writes none: what it has to say goes into pipes.
    confine::bound(DEADLINE.as_secs() + 5, MEMORY, 0);
    confine::to_compile();
    let backend = if args.interpreter { Backend::Interpreter } else { Backend::Native };
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component)?;
    let artifact = normgate::precompile(&component, backend).map_err(|message| anyhow!(message))?;
    screen::bytes(artifact.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
