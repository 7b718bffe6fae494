//! Components made by hand, for what no honest SDK would build.

/// A manifest that holds on failure and can block.
pub(crate) const MANIFEST: &str = r#"{"contract":"normgate:policy@0.1.0","id":"hostile/module","module":"hostile","version":"1.0.0",
    "title":{"zh":"x","en":"x"},"law":"arp","on_failure":"hold","request":[],"frames":[{"name":"candidates","columns":[]}],
    "parameters":[],"rules":[{"id":"hostile.rule","stage":"candidate","level":"row","modality":"must","basis":"none",
    "source":"engineering","verified":false,"audience":"viewer","sentence":{"zh":"x","en":"x"},"remedy":{"zh":"x","en":"x"},
    "wording":"draft","effects":[{"block":"none"},{"demote":"computed"}]}]}"#;

/// Memory that fits on the shortest list: half of what a call may have there.
pub(crate) const MEMORY: &str = r#"(memory (export "memory") 8)"#;

/// A component that exports the contract, built around the body of `evaluate`. The answer lies at address 1024: four lists
/// of (pointer, length), each one item long, whose cells are at 2048 (row), 2064 (effect), 2080 (value), 2096 (missing).
pub(crate) fn module(body: &str, row: u32, effect: u16, value: i64) -> Vec<u8> {
    let body = format!(
        r#"(i32.store (i32.const 2048) (i32.const {row}))
           (i32.store16 (i32.const 2064) (i32.const {effect}))
           (i64.store (i32.const 2080) (i64.const {value}))
           {body}"#,
        row = row as i32,
    );
    made(MEMORY, &body)
}

/// The same, with a memory and whatever else the core module has (globals, tables, a start function) of its own.
pub(crate) fn made(fields: &str, body: &str) -> Vec<u8> {
    // `realloc` hands out one area above the answer, and starts over: nothing here is read back.
    let core = format!(
        r#"(module
            {fields}
            (global $next (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3))))
            (func (export "normgate:policy/judging@0.1.0#evaluate")
                (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                (i32.store (i32.const 1024) (i32.const 2048)) (i32.store (i32.const 1028) (i32.const 1))
                (i32.store (i32.const 1032) (i32.const 2064)) (i32.store (i32.const 1036) (i32.const 1))
                (i32.store (i32.const 1040) (i32.const 2080)) (i32.store (i32.const 1044) (i32.const 1))
                (i32.store (i32.const 1048) (i32.const 2096)) (i32.store (i32.const 1052) (i32.const 1))
                {body}
                (i32.const 1024))
        )"#
    );
    let core = wat::parse_str(&core).unwrap();
    with_manifest(normgate_package::wrap(&core).unwrap(), MANIFEST)
}

/// The body of `evaluate` for an answer of these items (row, effect, value), one after another from address 8192 on.
pub(crate) fn items(items: &[(u32, u16, i64)]) -> String {
    let count = items.len();
    let mut body = String::new();
    for (list, pointer) in [(1024, 8192), (1032, 16384), (1040, 24576), (1048, 40960)] {
        body += &format!("(i32.store (i32.const {list}) (i32.const {pointer}))");
        body += &format!("(i32.store (i32.const {}) (i32.const {count}))", list + 4);
    }
    for (index, (row, effect, value)) in items.iter().enumerate() {
        body += &format!("(i32.store (i32.const {}) (i32.const {}))", 8192 + index * 4, *row as i32);
        body += &format!("(i32.store16 (i32.const {}) (i32.const {effect}))", 16384 + index * 2);
        body += &format!("(i64.store (i32.const {}) (i64.const {value}))", 24576 + index * 8);
    }
    body
}

/// The same component with another manifest.
pub(crate) fn with_manifest(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    normgate_package::set_section(&mut component, "normgate:manifest", manifest.as_bytes());
    component
}
