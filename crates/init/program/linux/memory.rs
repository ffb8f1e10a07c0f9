//! What the compiler refers to, and a library would have.

/// memset(3).
///
/// # Safety
///
/// `to` is valid for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, length: usize) -> *mut u8 {
    let byte = u8::try_from(byte & 0xff).unwrap_or_default();
    for index in 0..length {
        // SAFETY: by the contract. Volatile, so that this does not become a call of itself.
        unsafe { to.add(index).write_volatile(byte) };
    }
    to
}

/// memcpy(3).
///
/// # Safety
///
/// `to` and `from` are valid for `length` bytes, and apart.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    for index in 0..length {
        // SAFETY: as in `memset`.
        unsafe { to.add(index).write_volatile(from.add(index).read()) };
    }
    to
}

/// What core refers to for unwinding, which there is none of: a panic ends the process.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
