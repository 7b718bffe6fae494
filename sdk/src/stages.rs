//! `policy!`: a policy's types, and which function judges which stage.

/// Declares the policy of this crate: makes `Request`, `Candidate`, `Tag`, `Parameters` and `Rules` with exactly what
/// `policy.toml` beside `Cargo.toml` names, and exports the module.
///
/// `policy!(candidate: judge)` names the function of the candidate stage, `policy!(slate: arrange)` that of the slate
/// stage; a policy with rules in both names both.
#[macro_export]
macro_rules! policy {
    ($($stage:ident: $judge:path),+ $(,)?) => {
        $crate::__types!();

        /// Hands a call to the function of its stage.
        fn judge_stage(stage: $crate::__private::Stage, call: &Call<'_>, rules: &mut Rules<'_>) {
            match stage {
                $($crate::__stage!($stage) => $judge(call, rules),)+
                #[allow(unreachable_patterns, reason = "both stages may have been named")]
                _ => {}
            }
        }

        const _: () = $crate::__private::check_stages(STAGES, 0 $(| 1 << $crate::__stage!($stage) as u32)+);
    };
}

/// The stage of a name.
#[doc(hidden)]
#[macro_export]
macro_rules! __stage {
    (candidate) => {
        $crate::__private::Stage::Candidate
    };
    (slate) => {
        $crate::__private::Stage::Slate
    };
    ($other:ident) => {
        compile_error!(concat!("`", stringify!($other), "` is no stage; there are candidate and slate"))
    };
}

/// Holds the functions that `policy!` names against the stages that the manifest has rules of.
#[doc(hidden)]
#[allow(clippy::panic, reason = "a panic here is an error of the compiler")]
pub const fn check_stages(declared: u32, named: u32) {
    match (declared & !named, named & !declared) {
        (0, 0) => {}
        (0, 1) => {
            panic!("policy.toml has no rule of stage candidate for the function that policy!(candidate: …) names")
        }
        (0, _) => panic!("policy.toml has no rule of stage slate for the function that policy!(slate: …) names"),
        (1, _) => panic!("policy.toml has rules of stage candidate; name their function: policy!(candidate: …)"),
        _ => panic!("policy.toml has rules of stage slate; name their function: policy!(slate: …)"),
    }
}
