//! What a ledger has been doing, for Prometheus.

use std::fmt::Write;

use crate::anchor::Anchorage;
use crate::settings::Counts;

impl Counts {
    /// The counters in the text format of Prometheus.
    pub fn to_prometheus(&self) -> String {
        let Self { full, commit, lost, bytes, busy_us } = self;
        let mut text = family("lists_total", "counter", "Lists recorded, by level.", *full, "{level=\"full\"}");
        let _ = writeln!(text, "normgate_ledger_lists_total{{level=\"commit\"}} {commit}");
        text += &family("lost_total", "counter", "Lists that could not be written.", *lost, "");
        text += &family("bytes_total", "counter", "Bytes written.", *bytes, "");
        text + &family("busy_seconds_total", "counter", "Time that the writer was at work.", *busy_us as f64 / 1e6, "")
    }
}

impl Anchorage {
    /// How far the ledger is anchored, in the text format of Prometheus.
    pub fn to_prometheus(&self) -> String {
        let anchored = self.anchor.as_ref();
        let size = anchored.map_or(0, |anchor| anchor.size);
        let at_s = anchored.map_or(0, |anchor| anchor.at_s);
        family("frames", "gauge", "Frames of the log.", self.frames, "")
            + &family("anchored_frames", "gauge", "Frames that a witness cosigned.", size, "")
            + &family("anchor_timestamp_seconds", "gauge", "When a witness cosigned last; 0 = never.", at_s, "")
            + &family("anchor_old", "gauge", "1 while the last cosigned head is too long ago.", u8::from(self.old), "")
    }
}

fn family(name: &str, kind: &str, help: &str, value: impl std::fmt::Display, labels: &str) -> String {
    format!(
        "# HELP normgate_ledger_{name} {help}\n# TYPE normgate_ledger_{name} {kind}\nnormgate_ledger_{name}{labels} {value}\n"
    )
}
