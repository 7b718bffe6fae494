//! Art 16: users are told that an algorithm recommends, and the principles are public. It never blocks.

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let request = call.request;
    let seen = request.ctx_notice_seen_version();
    match (seen.unwrap_or(0), request.provider_notice_version()) {
        (0, _) => drop(rules.notice_missing().because_unknown(seen.is_none()).oblige_notify_algorithm()),
        (seen, Some(current)) if seen < current => drop(rules.notice_stale().oblige_notify_algorithm()),
        _ => {}
    }
    let disclosed = request.provider_disclosure_url_ok();
    if !disclosed.is_yes() {
        rules.disclosure_missing().because_unknown(disclosed.is_unknown()).oblige_publish_disclosure().violation();
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::Question;

    use super::{MANIFEST, evaluate};

    #[test]
    fn an_unknown_current_version_is_not_newer() {
        let seen = |version: i64| {
            Question::of(MANIFEST)
                .request("provider.disclosure_url_ok", true)
                .request("ctx.notice_seen_version", version)
        };
        assert!(seen(2).ask(evaluate).is_silent());
        assert!(seen(2).request("provider.notice_version", 3).ask(evaluate).fired("art16.notice-stale"));
        assert!(seen(0).request("provider.notice_version", 3).ask(evaluate).fired("art16.notice-missing"));
    }
}
