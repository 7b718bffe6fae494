//! A request as a JSON line: read, judged, written.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| normgate_campaign::targets::request_json(data));
