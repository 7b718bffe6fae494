//! Prices: what operators and instances cost in units of fuel, so that fuel is time within a factor of ten.
//!
//! `make fuel` measures every one of them (`tests/benches/fuel.rs`). An operator that is not named costs one unit. Floats are dear
//! because of denormal numbers, which no processor flushes the same way as another; rules compute with integers.

use wasmtime::{OperatorCost, VariableOperatorCost};

/// Version of the prices, and of what `purse.rs` makes of limits; part of `semantics`. Another number here or there is another version.
pub(crate) const VERSION: u32 = 2;

/// Units of making an instance and ending it.
pub(crate) const INSTANCE: u64 = 40_000;

/// Bytes of linear memory for a unit. A page is paid for when the module has it, whether it is touched or not: a first touch costs as
/// much as thousands of operators, and none of them can be charged for it.
const BYTES_A_UNIT: u64 = 2;

/// Units of an instance that has so much memory in the end.
pub(crate) fn instance(memory: usize) -> u64 {
    INSTANCE + memory as u64 / BYTES_A_UNIT
}

/// A load: the one before may have said where to look, in the second cache.
const LOAD: u8 = 3;
/// A float operation that takes a microcode assist where a number is denormal.
const ASSIST: u8 = 100;
/// One that leaves the function for a library call on some processors, or is followed by making NaNs canonical.
const FLOAT: u8 = 24;

/// The price of each operator.
pub(crate) fn operators() -> OperatorCost {
    OperatorCost {
        // Calls into the host, whatever they do there.
        RefFunc: ASSIST,
        MemoryGrow: 64,
        TableGrow: 64,
        MemoryFill: 128,
        MemoryCopy: 16,
        MemoryInit: 16,
        DataDrop: 4,
        I32Load: LOAD,
        I64Load: LOAD,
        F32Load: LOAD,
        F64Load: LOAD,
        I32Load8S: LOAD,
        I32Load8U: LOAD,
        I32Load16S: LOAD,
        I32Load16U: LOAD,
        I64Load8S: LOAD,
        I64Load8U: LOAD,
        I64Load16S: LOAD,
        I64Load16U: LOAD,
        I64Load32S: LOAD,
        I64Load32U: LOAD,
        TableInit: 32,
        TableCopy: 8,
        TableFill: 8,
        ElemDrop: 32,
        // Calls look at fuel and clock.
        Call: 3,
        CallIndirect: 4,
        // A division of 64 bits takes up to a hundred cycles on processors of ten years ago.
        I32DivS: 8,
        I32DivU: 8,
        I32RemS: 8,
        I32RemU: 8,
        I64DivS: 16,
        I64DivU: 16,
        I64RemS: 16,
        I64RemU: 16,
        F32Add: ASSIST,
        F32Sub: ASSIST,
        F32Mul: ASSIST,
        F32Div: ASSIST,
        F32Sqrt: ASSIST,
        F64Add: ASSIST,
        F64Sub: ASSIST,
        F64Mul: ASSIST,
        F64Div: ASSIST,
        F64Sqrt: ASSIST,
        F32DemoteF64: ASSIST,
        F64PromoteF32: ASSIST,
        F32Min: FLOAT,
        F32Max: FLOAT,
        F32Ceil: FLOAT,
        F32Floor: FLOAT,
        F32Trunc: FLOAT,
        F32Nearest: FLOAT,
        F64Min: FLOAT,
        F64Max: FLOAT,
        F64Ceil: FLOAT,
        F64Floor: FLOAT,
        F64Trunc: FLOAT,
        F64Nearest: FLOAT,
        F32Eq: FLOAT,
        F32Ne: FLOAT,
        F32Lt: FLOAT,
        F32Gt: FLOAT,
        F32Le: FLOAT,
        F32Ge: FLOAT,
        F64Eq: FLOAT,
        F64Ne: FLOAT,
        F64Lt: FLOAT,
        F64Gt: FLOAT,
        F64Le: FLOAT,
        F64Ge: FLOAT,
        I32TruncF32S: FLOAT,
        I32TruncF32U: FLOAT,
        I32TruncF64S: FLOAT,
        I32TruncF64U: FLOAT,
        I64TruncF32S: FLOAT,
        I64TruncF32U: FLOAT,
        I64TruncF64S: FLOAT,
        I64TruncF64U: FLOAT,
        I32TruncSatF32S: FLOAT,
        I32TruncSatF32U: FLOAT,
        I32TruncSatF64S: FLOAT,
        I32TruncSatF64U: FLOAT,
        I64TruncSatF32S: FLOAT,
        I64TruncSatF32U: FLOAT,
        I64TruncSatF64S: FLOAT,
        I64TruncSatF64U: FLOAT,
        F32ConvertI32S: FLOAT,
        F32ConvertI32U: FLOAT,
        F32ConvertI64S: FLOAT,
        F32ConvertI64U: FLOAT,
        F64ConvertI32S: FLOAT,
        F64ConvertI32U: FLOAT,
        F64ConvertI64S: FLOAT,
        F64ConvertI64U: FLOAT,
        variable: VariableOperatorCost {
            memory_grow_per_page: 16,
            table_init_per_element: ASSIST,
            table_copy_per_element: 2,
            table_fill_per_element: 2,
            table_grow_per_element: 2,
            ..VariableOperatorCost::new()
        },
        ..OperatorCost::new()
    }
}
