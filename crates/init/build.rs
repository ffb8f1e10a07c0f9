//! Builds the program in `program/`, which has no library under it, for the target of this build, by the same compiler.

use std::path::PathBuf;
use std::process::Command;

/// No library, no loader, no segment that needs a page of its own: the program is mapped whole by two or three pages.
const LINKER: [&str; 6] =
    ["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,noseparate-code"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=program");
    println!("cargo::rerun-if-changed=src");
    let program = PathBuf::from(std::env::var("OUT_DIR")?).join("holm-init");
    let mut compiler = Command::new(std::env::var("RUSTC")?);
    compiler.args([
        "program/main.rs",
        "--crate-name",
        "holm_init",
        "--crate-type",
        "bin",
        "--edition",
        "2024",
    ]);
    compiler.args(["--target", &std::env::var("TARGET")?, "-o"]).arg(&program);
    for option in
        ["opt-level=s", "panic=abort", "strip=symbols", "relocation-model=static", "codegen-units=1"]
    {
        compiler.args(["-C", option]);
    }
    for argument in LINKER {
        compiler.args(["-C", &format!("link-arg={argument}")]);
    }
    // Set where a linker was chosen for the target.
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        compiler.args(["-C", &format!("linker={linker}")]);
    }
    if compiler.status()?.success() { Ok(()) } else { Err(format!("not built by {compiler:?}").into()) }
}
