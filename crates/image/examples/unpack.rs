//! Unpacks an image into a store and prints where its layers lie: `unpack STORE REFERENCE [--single-id]`.

use std::path::Path;
use std::process::ExitCode;

use holm_image::{Error, Platform, Reference, Store, UnpackOptions};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(store), Some(reference)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("usage: unpack STORE REFERENCE [--single-id]");
        return ExitCode::from(2);
    };
    let options = UnpackOptions { single_id: arguments.iter().any(|argument| argument == "--single-id") };
    match unpack(Path::new(store), reference, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("  hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

fn unpack(store: &Path, reference: &str, options: &UnpackOptions) -> Result<(), Error> {
    let store = Store::open(store)?;
    let image = store.resolve(&Reference::parse(reference)?, &Platform::host())?;
    let unpacked = store.unpack(&image, options)?;
    unpacked.layers.iter().for_each(|layer| println!("{}", layer.display()));
    unpacked.notes.iter().for_each(|note| eprintln!("note: {note}"));
    Ok(())
}
