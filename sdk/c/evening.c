/* The rule that `normgate new --kind content` starts from, in C: what children should not meet waits for the evening; what nobody
 * rated is shown less.
 *
 * A module of another language is held to the same policy.toml. Its order gives every number below its meaning: columns by frame,
 * parameters by name, effects counted through the rules; terms are 2 + their position in the vocabulary or in [entries].
 */

#include "policy.h"
#include "stdlib.h"

enum { LOCAL_MIN = 0 };                            /* columns of the request */
enum { AGE_RATING = 0 };                           /* columns of the candidates, the only frame */
enum { EVENING_MIN = 0 };                          /* parameters */
enum { UNKNOWN = 0, R16 = 6, R18 = 7 };            /* age ratings: all, r3, r8, r12, r16, r18 */
enum { TOO_EARLY_BLOCK = 0, UNRATED_DEMOTE = 1 };  /* effects */

typedef exports_normgate_policy_judging_answer_t answer_t;

static void emit(answer_t *answer, uint32_t row, uint16_t effect, bool unknown) {
  size_t at = answer->rows.len;
  answer->rows.ptr[at] = row;
  answer->effects.ptr[at] = effect;
  answer->values.ptr[at] = 0;
  answer->missing.ptr[at] = unknown;
  answer->rows.len = answer->effects.len = answer->values.len = answer->missing.len = at + 1;
}

void exports_normgate_policy_judging_evaluate(exports_normgate_policy_judging_call_t *call, answer_t *answer) {
  const exports_normgate_policy_judging_frame_t *candidates = &call->frames.ptr[0];
  const exports_normgate_policy_judging_column_t *ratings = &candidates->columns.ptr[AGE_RATING];
  /* One effect a row at most. */
  size_t most = candidates->rows + 1;
  *answer = (answer_t){
      .rows = {realloc(NULL, most * sizeof(uint32_t)), 0},
      .effects = {realloc(NULL, most * sizeof(uint16_t)), 0},
      .values = {realloc(NULL, most * sizeof(int64_t)), 0},
      .missing = {realloc(NULL, most), 0},
  };

  bool early = call->request.known.ptr[LOCAL_MIN] && call->request.values.ptr[LOCAL_MIN] < call->parameters.ptr[EVENING_MIN];
  for (uint32_t row = 0; row < candidates->rows; row++) {
    /* A column of which no row has a value is absent. */
    uint16_t rating =
        ratings->tag == EXPORTS_NORMGATE_POLICY_JUDGING_COLUMN_TERM ? ratings->val.term.ptr[row] : UNKNOWN;
    if (early && (rating == R16 || rating == R18)) {
      emit(answer, row, TOO_EARLY_BLOCK, false);
    } else if (rating == UNKNOWN) {
      emit(answer, row, UNRATED_DEMOTE, true);
    }
  }
}
