#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| mm4relay_fuzz::proxy(octets));
