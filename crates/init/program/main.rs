//! `holm-init`: the first process of a container. See the documentation of the crate around it.
//!
//! There is no library here, not even C's, whose start alone would cost more than all this program does: system calls
//! are in `linux`, and nothing is allocated.
#![no_std]
#![no_main]

#[allow(dead_code)]
#[path = "../src/filter.rs"]
mod filter;
mod life;
mod linux;
// Written by one side, and read by the other: each uses half.
#[allow(dead_code)]
#[path = "../src/orders.rs"]
mod orders;
#[allow(dead_code)]
#[path = "../src/refusal.rs"]
mod refusal;

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    linux::exit(life::FAILED)
}
