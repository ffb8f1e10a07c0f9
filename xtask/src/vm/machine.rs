//! One machine: a qemu, the lines to it, and what it was started with.

use std::fs;
use std::io::{BufReader, Read, Write, stderr, stdout};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;
use tempfile::TempDir;

use super::image::Image;
use super::qmp::Qmp;
use super::share::{self, Share};
use super::streams;
use crate::Result;

/// Longest start of a whole Debian without hardware virtualisation, on a machine that has other work too.
const LONGEST_START: Duration = Duration::from_secs(400);
/// Longest answer of qemu itself, which includes the writing of the memory.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);

/// The ports of the guest's agent, by the names that it knows.
const PORTS: [&str; 3] = ["in", "out", "err"];

/// What both a machine that starts and one that goes on must have alike. No use is made of hardware virtualisation:
/// what runs here should run the same everywhere. The two processors take turns: side by side, qemu 7.2 now and then
/// executes an int3 of the kernel's patching of itself, which ends the guest.
pub(super) fn hardware() -> Vec<&'static str> {
    "-accel tcg,thread=single -machine pc -cpu max -smp 2 -m 1536 -nodefaults -no-user-config -no-reboot -display none \
     -device virtio-serial-pci -netdev user,id=net,restrict=on -device virtio-net-pci,netdev=net,romfile="
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect()
}

/// A running qemu, which ends with this.
struct Machine {
    qemu: Child,
    qmp: Qmp,
    input: UnixStream,
    output: UnixStream,
    errors: UnixStream,
    /// Where its sockets and its console are.
    directory: TempDir,
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// Starts the machine, and writes its memory into a file when all has started.
pub(super) fn boot_and_save(image: &Image) -> Result<()> {
    let share = Share::with_script("true")?;
    let mut machine = Machine::begin(
        image,
        &share,
        &["-append", "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=1 panic=-1"],
        false,
    )?;
    machine.output.set_read_timeout(Some(LONGEST_START))?;
    let mut ready = [0; 6];
    if let Err(error) = machine.output.read_exact(&mut ready) {
        return Err(machine.with_console(&format!("the machine does not start: {error}")).into());
    }
    machine.qmp.ask("stop", &json!({}))?;
    let shell = format!("cat >{}", share::quoted(&image.memory().to_string_lossy()));
    machine.qmp.migrate("migrate", &shell)?;
    machine.qmp.ask("quit", &json!({}))?;
    // Only then all is in the disk's file.
    if machine.qemu.wait()?.success() { Ok(()) } else { Err("qemu did not end well".into()) }
}

/// Runs the command of `share`, with its output to that of this process; the status that it ended with.
pub(super) fn run(image: &Image, share: &Share, limit: Duration) -> Result<ExitCode> {
    let mut machine = Machine::begin(image, share, &["-incoming", "defer"], true)?;
    let shell = format!("cat {}", share::quoted(&image.memory().to_string_lossy()));
    machine.qmp.migrate("migrate-incoming", &shell)?;
    machine.qmp.ask("cont", &json!({}))?;
    let mark = mark()?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    writeln!(machine.input, "{mark} {seconds}")?;
    match machine.output_until(&mark, limit) {
        Ok(status) => Ok(ExitCode::from(status)),
        Err(error) => Err(machine.with_console(&error.to_string()).into()),
    }
}

impl Machine {
    /// Writes to its disks are forgotten with it, when it is `forgetful`.
    fn begin(image: &Image, share: &Share, how: &[&str], forgetful: bool) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("holm-vm.").tempdir()?;
        let brought = directory.path().join("share");
        share.write(&brought)?;
        let control = listen(directory.path(), "qmp")?;
        let ports = PORTS.map(|name| listen(directory.path(), name));
        let mut command = qemu(directory.path());
        command.arg("-kernel").arg(image.kernel()).arg("-initrd").arg(image.initrd()).args(how);
        drive(&mut command, &image.disk(), if forgetful { "snapshot=on" } else { "cache=unsafe" });
        drive(&mut command, &brought, "readonly=on");
        let mut qemu = command.spawn()?;
        let connected = connect(&mut qemu, &control, ports);
        match connected {
            Ok((qmp, [input, output, errors])) => Ok(Self { qemu, qmp, input, output, errors, directory }),
            Err(error) => {
                let _ = qemu.kill();
                let _ = qemu.wait();
                Err(error)
            }
        }
    }

    fn output_until(&self, mark: &str, limit: Duration) -> Result<u8> {
        let (ended, end) = mpsc::channel();
        let (output, errors) = (self.output.try_clone()?, self.errors.try_clone()?);
        for (stream, own) in [(output, true), (errors, false)] {
            let (mark, ended) = (mark.to_owned(), ended.clone());
            std::thread::spawn(move || {
                let stream = BufReader::new(stream);
                let rest = match own {
                    true => streams::copy_until(&mark, stream, stdout()),
                    false => streams::copy_until(&mark, stream, stderr()),
                };
                // Nobody listens any more when the time is up.
                let _ = ended.send(rest.map_err(|error| error.to_string()));
            });
        }
        drop(ended);
        let begun = std::time::Instant::now();
        let mut status = None;
        loop {
            match end.recv_timeout(limit.saturating_sub(begun.elapsed())) {
                Ok(Ok(rest)) => status = status.or_else(|| rest.parse().ok()),
                Ok(Err(error)) => return Err(error.into()),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("the command did not end within {} s", limit.as_secs()).into());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return status.ok_or_else(|| "the command ended without a status".into());
                }
            }
        }
    }

    /// What went wrong, with what the guest's kernel said last.
    fn with_console(&self, problem: &str) -> String {
        let text = fs::read(self.directory.path().join("console")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(30)..).unwrap_or_default();
        format!("{problem}\n  the console of the machine ends with:\n{}", last.join("\n"))
    }
}

/// qemu with the hardware and its lines; it ends with this process, whatever ends that.
fn qemu(directory: &Path) -> Command {
    let place = directory.display();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]).args(hardware());
    for name in PORTS {
        command.arg("-chardev").arg(format!("socket,id={name},path={place}/{name}"));
        command.arg("-device").arg(format!("virtserialport,chardev={name},name=holm.{name}"));
    }
    command
        .arg("-chardev")
        .arg(format!("socket,id=qmp,path={place}/qmp"))
        .args(["-mon", "chardev=qmp,mode=control"]);
    command.arg("-serial").arg(format!("file:{place}/console"));
    command.env("TMPDIR", "/var/tmp").stdin(Stdio::null());
    command
}

/// A disk of the guest. Paths are written for qemu, in which a comma ends a value.
fn drive(command: &mut Command, disk: &Path, option: &str) {
    let path = disk.to_string_lossy().replace(',', ",,");
    command.arg("-drive").arg(format!("file={path},format=raw,if=virtio,{option}"));
}

fn listen(directory: &Path, name: &str) -> Result<UnixListener> {
    Ok(UnixListener::bind(directory.join(name))?)
}

type Ports = [UnixStream; 3];

fn connect(
    qemu: &mut Child,
    control: &UnixListener,
    ports: [Result<UnixListener>; 3],
) -> Result<(Qmp, Ports)> {
    let [input, output, errors] = ports;
    let streams = [accept(qemu, &input?)?, accept(qemu, &output?)?, accept(qemu, &errors?)?];
    Ok((Qmp::greet(accept(qemu, control)?, LONGEST_ANSWER)?, streams))
}

/// Waits for qemu to come, or to end.
fn accept(qemu: &mut Child, listener: &UnixListener) -> Result<UnixStream> {
    let process = rustix::process::pidfd_open(
        rustix::process::Pid::from_child(qemu),
        rustix::process::PidfdFlags::empty(),
    )?;
    let mut ready = [PollFd::new(listener, PollFlags::IN), PollFd::new(&process, PollFlags::IN)];
    let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
    rustix::io::retry_on_intr(|| poll(&mut ready, Some(&limit)))?;
    match ready.first() {
        Some(first) if first.revents().contains(PollFlags::IN) => Ok(listener.accept()?.0),
        _ => Err(match qemu.try_wait()? {
            Some(status) => format!("qemu has ended at once: {status}"),
            None => "qemu does not start".to_owned(),
        }
        .into()),
    }
}

/// What no output has in it by chance.
fn mark() -> Result<String> {
    let mut bytes = [0_u8; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
