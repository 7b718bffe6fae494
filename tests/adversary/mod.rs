//! Requests made to be awkward: each aims at one module, most of it is benign, and what that module reads is unknown,
//! at a bound or absurd.

mod benign;
mod bounds;
mod settings;

use normgate::Module;
use normgate::contract::{ColumnSpec, ColumnType, MICROSECONDS_FROM, Vocabulary};
use serde_json::{Map, Value, json};

use crate::oracle::settings::Settings;
use crate::support::{Numbers, set};
pub(crate) use settings::settings;

/// What a request can aim at: a module, with the columns that it reads.
pub(crate) struct Aim {
    module: String,
    columns: Vec<String>,
}

impl Aim {
    /// Whether the module compares the rows of a slate with each other.
    pub(crate) fn of_the_slate(&self) -> bool {
        ["art11", "art12"].contains(&self.module.as_str())
    }
}

/// One aim for each rule, so that a module of many rules is aimed at more often.
pub(crate) fn aims(modules: &[Module]) -> Vec<Aim> {
    let aim = |module: &Module| Aim {
        module: module.manifest.module.clone(),
        columns: module.manifest.columns().map(|(name, _)| name).collect(),
    };
    modules.iter().flat_map(|module| module.manifest.rules.iter().map(move |_| aim(module))).collect()
}

/// One request under these settings, with up to `most` candidates.
pub(crate) fn request(numbers: &mut Numbers, aim: &Aim, settings: &Settings, most: u64) -> Value {
    let focus = *numbers.pick(&[125, 333, 750]);
    let elsewhere = *numbers.pick(&[0, 0, 0, 20, 60, 300]);
    let codes = (0..1 + numbers.below(3)).map(|_| code(numbers, &aim.module)).collect();
    let mut maker = Maker { numbers, aim, settings, focus, elsewhere, codes, now_ms: 0 };
    maker.make(most)
}

struct Maker<'a> {
    numbers: &'a mut Numbers,
    aim: &'a Aim,
    settings: &'a Settings,
    /// How many of a thousand values are awkward among the columns aimed at, and among the others.
    focus: u64,
    elsewhere: u64,
    /// The signal codes of this request; few, so that several rows speak of one code.
    codes: Vec<String>,
    now_ms: i64,
}

impl Maker<'_> {
    fn make(&mut self, most: u64) -> Value {
        self.now_ms =
            *self.numbers.pick(&[1_767_225_600_000, 1_767_225_600_000, 1_767_225_600_000, 0, MICROSECONDS_FROM - 2]);
        let mut request = self.object("request", 0);
        let rows = if self.numbers.below(30) == 0 { 0 } else { 1 + self.numbers.below(most) };
        let mut candidates: Vec<Map<String, Value>> = (0..rows).map(|row| self.object("candidates", row)).collect();
        let tag_count = if self.aim.module == "art10" { 2 } else { 0 } + self.numbers.below(4);
        let tags: Vec<Value> = (0..tag_count).map(|row| Value::Object(self.object("tags", row))).collect();
        self.arrange(&mut candidates);
        if self.numbers.below(3) == 0 {
            self.pin(&mut candidates);
        }
        if self.numbers.below(6) == 0 {
            self.declare_emergencies(&mut candidates);
        }
        for candidate in &mut candidates {
            self.couple(&mut request, candidate);
        }
        // Null, an empty list and a list are three things to a reader.
        let sent = rows > 0 || self.numbers.below(2) == 0;
        request.insert("candidates".into(), if sent { json!(candidates) } else { Value::Null });
        if tag_count > 0 || self.numbers.below(2) == 0 {
            set(&mut request, "user.tags", json!(tags));
        }
        request.insert("id".into(), json!("r"));
        set(&mut request, "ctx.now_ms", json!(self.now_ms));
        let minute = self.bounded("request.ctx.local_min").unwrap_or(600).clamp(0, 1_439);
        set(&mut request, "ctx.local_min", json!(minute));
        for group in ["provider", "user", "session"] {
            if self.numbers.below(80) == 0 {
                request.insert(group.into(), Value::Null);
            }
        }
        Value::Object(request)
    }

    /// The request without its rows, or one row.
    fn object(&mut self, frame: &str, row: u64) -> Map<String, Value> {
        let mut object = Map::new();
        for column in Vocabulary::shipped().columns.iter().filter(|column| column.name.split('.').next() == Some(frame))
        {
            if column.kind == ColumnType::Id {
                set(&mut object, &column.field, json!(format!("{}{row}", &column.field[..1])));
                continue;
            }
            let share = if self.aim.columns.contains(&column.name) { self.focus } else { self.elsewhere };
            let value = if self.numbers.below(1_000) < share {
                self.awkward(column)
            } else {
                benign::value(&self.aim.module, &column.name, self.numbers)
            };
            self.put(&mut object, column, value);
        }
        object
    }

    /// An unknown value is absent, null or, for a term, said to be unknown.
    fn put(&mut self, object: &mut Map<String, Value>, column: &ColumnSpec, value: Value) {
        match (&value, self.numbers.below(3)) {
            (Value::Null, 0) => set(object, &column.field, Value::Null),
            (Value::Null, 1) if column.kind == ColumnType::Term => set(object, &column.field, json!("unknown")),
            (Value::Null, _) => {}
            _ => set(object, &column.field, value),
        }
    }

    fn awkward(&mut self, column: &ColumnSpec) -> Value {
        if self.numbers.below(5) == 0 {
            return Value::Null;
        }
        let terms = || column.terms.as_ref().map_or(&[][..], |set| &set.terms[..]);
        match column.kind {
            ColumnType::Tri => json!(self.numbers.below(2) == 1),
            ColumnType::Integer => match self.bounded(&column.name) {
                // The upper half of the unsigned range is legal where any 64 bits are.
                Some(-1) if column.range.is_none() => json!(u64::MAX),
                Some(value) => json!(column.range.map_or(value, |(low, high)| value.clamp(low, high))),
                None => json!(self.end(column)),
            },
            ColumnType::Term => json!(self.numbers.pick(terms())),
            ColumnType::Terms => {
                let mut list: Vec<Value> =
                    (0..self.numbers.below(4)).map(|_| json!(self.numbers.pick(terms()))).collect();
                if column.name.ends_with("price_features") && self.numbers.below(6) == 0 {
                    list.push(json!("moon_phase"));
                }
                json!(list)
            }
            ColumnType::Ids => {
                (0..self.numbers.below(4)).map(|_| json!(format!("t{}", self.numbers.below(5)))).collect()
            }
            ColumnType::Signals => (0..self.numbers.below(5)).map(|_| self.signal()).collect(),
            ColumnType::Integers | ColumnType::Number | ColumnType::Text | ColumnType::Id => Value::Null,
        }
    }

    /// A value at, just below or just above one of the bounds of a column.
    fn bounded(&mut self, column: &str) -> Option<i64> {
        let bounds = bounds::of(column, self.settings, self.now_ms);
        let bound = *self.numbers.pick(bounds.get(..).filter(|bounds| !bounds.is_empty())?);
        let step = *self.numbers.pick(&[-1, 0, 0, 1]);
        (self.numbers.below(20) != 0).then_some(bound + step)
    }

    /// The ends of a column's range, and nothing.
    fn end(&mut self, column: &ColumnSpec) -> i64 {
        let (low, high) = column.range.unwrap_or((i64::MIN, i64::MAX));
        let high = if column.is_instant() { MICROSECONDS_FROM - 1 } else { high };
        *self.numbers.pick(&[low, high, 0])
    }

    fn signal(&mut self) -> Value {
        let code = if self.numbers.below(5) == 0 {
            code(self.numbers, &self.aim.module)
        } else {
            self.numbers.pick(&self.codes).clone()
        };
        let sources = ["authority", "human", "human", "db_exact", "db_fuzzy", "classifier", "classifier", "declared"];
        let mut signal = json!({"code": code, "source": self.numbers.pick(&sources)});
        let thresholds =
            ["common.t_confirm", "common.t_suspect", "art19.t_elder_fraud"].map(|t| self.settings.number(t));
        let threshold = *self.numbers.pick(&thresholds);
        let near = (threshold + *self.numbers.pick(&[-1, 0, 1])).clamp(0, 1_000_000);
        match self.numbers.below(8) {
            // A classifier says how sure it is.
            0 | 1 if signal["source"] == "classifier" => signal["conf_ppm"] = json!(near),
            0 => {}
            1 => signal["conf_ppm"] = Value::Null,
            2 | 3 => signal["conf_ppm"] = json!(self.numbers.pick(&[0, 0, 1, 1_000_000])),
            _ => signal["conf_ppm"] = json!(near),
        }
        signal
    }

    /// Positions and scores, which only make sense over all rows: in order, mixed, tied, with gaps, or none.
    fn arrange(&mut self, rows: &mut [Map<String, Value>]) {
        let count = rows.len() as u64;
        let (positions, scores) = (self.numbers.below(6), self.numbers.below(6));
        let small = [-0.0, 0.0, 0.5, 1.0, -0.5, -1.0, 2.0, 0.25];
        let absurd = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, -f64::MIN_POSITIVE, 5e-324, 1e300, 0.3];
        for (index, row) in rows.iter_mut().enumerate() {
            let position = match positions {
                0 | 1 => Some(index as u64),
                2 => Some((index as u64 * 7 + 3) % count.max(1)),
                3 => Some(self.numbers.below(4)),
                4 => (self.numbers.below(3) > 0).then(|| self.numbers.below(count + 4)),
                _ => (self.numbers.below(12) == 0).then_some(65_535),
            };
            let score = match scores {
                0 | 1 => Some((self.numbers.below(2_001) as f64 - 700.0) / 1_000.0),
                2 => Some(*self.numbers.pick(&small)),
                3 => (self.numbers.below(8) > 0).then(|| self.numbers.below(100) as f64),
                4 => Some(*self.numbers.pick(&absurd)),
                _ => None,
            };
            for (field, value) in [("rank_pos", position.map(|p| json!(p))), ("score", score.map(|s| json!(s)))] {
                match value {
                    Some(value) => set(row, field, value),
                    None if self.numbers.below(2) == 0 => set(row, field, Value::Null),
                    None => {
                        row.remove(field);
                    }
                }
            }
        }
    }

    /// Pinned rows; no module reads them.
    fn pin(&mut self, rows: &mut [Map<String, Value>]) {
        for row in rows {
            let pinned = self.numbers.pick(&[json!(true), json!(false), Value::Null]).clone();
            set(row, "pinned", pinned);
        }
    }

    /// Emergency rows, with and without a ticket; no module reads one, so no aim would reach it.
    fn declare_emergencies(&mut self, rows: &mut [Map<String, Value>]) {
        for row in rows {
            if self.numbers.below(2) == 0 {
                set(row, "exempt", json!("emergency"));
                let tickets = [json!(77), json!(77), json!(-1), json!(u64::MAX), json!(0), Value::Null];
                set(row, "exempt_ticket", self.numbers.pick(&tickets).clone());
            }
        }
    }

    /// Brings columns that a rule compares with each other to within one of equality, half of the time.
    fn couple(&mut self, request: &mut Map<String, Value>, row: &mut Map<String, Value>) {
        let setting = |name: &str| self.settings.number(name);
        let step = *self.numbers.pick(&[-1, 0, 0, 1]);
        let get = |object: &Map<String, Value>, path: &str| {
            let mut fields = path.split('.');
            let first = object.get(fields.next()?)?;
            fields.try_fold(first, |value, field| value.get(field))?.as_i64()
        };
        let target = match (self.aim.module.as_str(), self.numbers.below(8)) {
            ("art20" | "art05.delivery", 0) => {
                let limit = setting(&format!("{}.ebike_m_per_h", self.aim.module));
                let riding = get(row, "order.eta_s").zip(get(row, "order.handling_s"));
                riding
                    .map(|(eta, handling)| ("order.distance_m", limit.saturating_mul((eta - handling).max(0)) / 3_600))
            }
            ("art20", 1) => get(row, "order.eta_p50_s").map(|median| ("order.eta_s", median)),
            ("art20", 2) => {
                let percent = 100 + setting("art20.weather_ext_pct");
                get(row, "order.eta_p50_s").map(|median| ("order.eta_s", median * percent / 100))
            }
            ("art20", 3) => {
                let floor = get(row, "order.min_wage_fen_h").zip(get(row, "order.est_s"));
                floor.map(|(wage, seconds)| ("order.pay_fen", wage.saturating_mul(seconds) / 3_600))
            }
            ("art21", 0..4) => {
                let reference = get(row, "offer.ref_price_fen");
                let fees = |column| get(row, column).unwrap_or(0);
                let tol = setting("art21.tol_fen") * *self.numbers.pick(&[-1, 1]);
                reference.map(|price| ("price_fen", price + fees("offer.ref_fees_fen") - fees("offer.fees_fen") + tol))
            }
            ("art21", 4) => get(row, "offer.nonmember_price_fen").map(|price| ("price_fen", price)),
            ("art21", 5) => get(row, "offer.min_7d_fen").map(|price| ("offer.claim_was_fen", price)),
            ("art08", 0..4) => {
                let (cap, spent) = (get(request, "user.spend_cap_fen"), get(request, "user.spend_30d_fen"));
                cap.zip(spent).map(|(cap, spent)| ("price_fen", cap - spent))
            }
            ("art18", 0..2) => {
                let cap = *self.numbers.pick(&["art18.topup_month_8_fen", "art18.topup_month_16_fen"]);
                get(request, "user.spend_month_game_fen").map(|spent| ("price_fen", setting(cap) - spent))
            }
            _ => None,
        };
        if let Some((field, value)) = target {
            let range =
                Vocabulary::shipped().column(&format!("candidates.{field}")).and_then(|(_, column)| column.range);
            let (low, high) = range.unwrap_or((i64::MIN, i64::MAX));
            set(row, field, json!((value + step).clamp(low, high)));
        }
    }
}

/// A code that the module names, another one of the vocabulary, or one below it.
fn code(numbers: &mut Numbers, module: &str) -> String {
    let named: &[&str] = match module {
        "art18" => &["L11.minor", "H8", "M1", "M1.spend", "M2", "M3", "M4", "L11.minor.x", "H8.x"],
        "art19" => &["L11.fraud", "L11.fraud", "L11.fraud", "L11.fraud.x"],
        _ => &["L8", "H4", "M2", "E1", "L11.fraud"],
    };
    if numbers.below(2) == 0 {
        return (*numbers.pick(named)).to_owned();
    }
    let code = numbers.pick(&Vocabulary::shipped().signals.codes).clone();
    if numbers.below(8) == 0 { format!("{code}.x") } else { code }
}
