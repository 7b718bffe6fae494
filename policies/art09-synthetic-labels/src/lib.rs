//! Art 9: synthetic content carries a label; illegal content is stopped.
//!
//! The making of an item (confirmed, possible, suspected) is computed by the SDK. An export without a visible label, made
//! here and agreed to, carries metadata only; every other synthetic item is labelled, and waits where no label can show.

use normgate_sdk::synthetic::Synthetic;
use normgate_sdk::terms::{MetaLabel, ScanState};
use normgate_sdk::{State, making, surface};
use signals::{H, L};

normgate_sdk::policy!(candidate: judge);

fn judge(call: &Call<'_>, rules: &mut Rules<'_>) {
    let limits = call.parameters;
    let pushed = surface::is_pushed(call.request.ctx_surface());
    let can_render = call.request.ctx_can_render_labels().is_yes();

    for item in call.candidates() {
        let making = making!(item);
        let ours = making.produced_here.is_yes();
        let export = ours && item.aigc_export_unlabeled().is_yes();
        // What the export rule takes away from the label rules it takes away only when it is enforced.
        let agreed = export && item.aigc_user_agreement().is_yes();
        let unlabeled = agreed && rules.unlabeled_export(&item).oblige_preserve_record().enforced();
        if export && !agreed {
            rules.unlabeled_export(&item).because_unknown(item.aigc_user_agreement().is_unknown()).hold_for_label();
        }
        let visible = item.aigc_label_shown().is_yes() || can_render;

        match making.state(limits.t_detect()) {
            Synthetic::Confirmed => {
                let mut hit = rules.ai_confirmed(&item).oblige_write_aigc_metadata();
                if !unlabeled {
                    hit = hit.label_ai_confirmed();
                    if !visible {
                        hit.hold_for_label();
                    }
                }
            }
            Synthetic::Possible => {
                let hit = rules.ai_possible(&item).oblige_write_aigc_metadata().label_ai_possible();
                if !visible {
                    hit.hold_for_label();
                }
            }
            Synthetic::Suspected => {
                let hit = rules.ai_suspected(&item).oblige_write_aigc_metadata().label_ai_suspected();
                if !visible {
                    hit.hold_for_label();
                }
            }
            Synthetic::None => {}
        }
        if ours {
            let mut hit = rules.own_output(&item).oblige_write_aigc_metadata();
            if !unlabeled {
                hit = hit.label_ai_confirmed();
                if !visible {
                    hit.hold_for_label();
                }
            }
        }
        if item.aigc_tampered().is_yes() {
            rules.label_tampered(&item).hold();
        }
        match making.meta_label {
            MetaLabel::Unread => {
                let hit = rules.metadata_unread(&item).because_unknown(true).oblige_verify_metadata();
                if pushed {
                    hit.hold();
                }
            }
            MetaLabel::Invalid => drop(rules.metadata_unread(&item).oblige_review_human()),
            _ => {}
        }

        let states = item.signals().states(limits.thresholds(), item.scan_state() == ScanState::Done);
        if states.of(L) == State::Confirmed {
            rules
                .illegal_stop(&item)
                .block()
                .oblige_stop_transmission()
                .oblige_delete_content()
                .oblige_preserve_record()
                .oblige_report_authority();
        }
        if states.of(H) == State::Confirmed {
            rules.harmful_dispose(&item).oblige_preserve_record().oblige_report_authority();
        }
    }
}

#[cfg(test)]
mod tests {
    use normgate_sdk::testing::Question;

    use super::{MANIFEST, evaluate};

    #[test]
    fn a_declaration_outranks_an_inherited_suspicion() {
        let item = [("aigc.meta_label", "3".into()), ("aigc.declared", true.into())];
        let answer = Question::of(MANIFEST).candidate(&item).ask(evaluate);
        assert!(answer.fired("art09.ai-possible") && !answer.fired("art09.ai-suspected"));
    }
}
