# Art 9 labels, Art 18 unsafe imitation and age fit, Art 21 profile price, over a whole list, as a user of OPA writes them.
package normgate

import rego.v1

confirmed contains c.id if {
	some c in input.candidates
	c.human == true
}

confirmed contains c.id if {
	some c in input.candidates
	c.produced_here == true
}

confirmed contains c.id if {
	some c in input.candidates
	c.meta_label == "1"
}

declared contains c.id if {
	some c in input.candidates
	c.meta_label == "2"
}

declared contains c.id if {
	some c in input.candidates
	c.declared == true
}

possible := declared - confirmed

found(c) if c.trace_explicit == true

found(c) if c.detect_ppm >= 700000

cleared(c) if c.human == false

traced contains c.id if {
	some c in input.candidates
	c.meta_label == "3"
}

traced contains c.id if {
	some c in input.candidates
	found(c)
	not cleared(c)
}

suspected := (traced - confirmed) - declared

relevant(code) if code in {"M1", "H8"}

relevant(code) if startswith(code, "M1.")

relevant(code) if startswith(code, "H8.")

strong(s) if {
	s.source in {"authority", "human"}
	s.conf_ppm > 0
}

strong(s) if s.source == "db_exact"

weak(s) if s.source == "db_fuzzy"

weak(s) if {
	s.source == "classifier"
	s.conf_ppm >= 700000
}

denied(c, code) if {
	some s in c.signals
	s.code == code
	s.source == "human"
	s.conf_ppm == 0
}

unsafe_imitation contains c.id if {
	input.user.minor
	some c in input.candidates
	some s in c.signals
	relevant(s.code)
	strong(s)
}

unsafe_imitation contains c.id if {
	input.user.minor
	some c in input.candidates
	some s in c.signals
	relevant(s.code)
	weak(s)
	not denied(c, s.code)
}

floors := {"all": 0, "r3": 3, "r8": 8, "r12": 12, "r16": 16, "r18": 18}

unfit contains c.id if {
	input.user.minor
	some c in input.candidates
	floors[c.age_rating] > input.user.lower_bound
}

unfit contains c.id if {
	input.user.minor
	some c in input.candidates
	c.age_rating == "r18"
}

unfit contains c.id if {
	input.user.minor
	input.user.minor_mode
	some c in input.candidates
	not c.age_rating
}

barred contains c.id if {
	some c in input.candidates
	c.age_rating == "r18"
}

barred contains c.id if {
	input.user.minor_mode
	some c in input.candidates
}

age_block := unfit & barred

age_demote := unfit - barred

about_the_person := {
	"age", "gender", "occupation", "income", "device_model", "spend_history", "loyalty", "wtp_score",
	"browse_history", "churn_score",
}

profile_price contains c.id if {
	some c in input.candidates
	c.kind in {"product_offer", "service_offer", "coupon"}
	c.ref_n >= 30
	(c.price_fen + object.get(c, "fees_fen", 0)) > (c.ref_price_fen + object.get(c, "ref_fees_fen", 0))
	some feature in c.price_features
	feature in about_the_person
}

decision := {
	"ai-confirmed": confirmed,
	"ai-possible": possible,
	"ai-suspected": suspected,
	"unsafe-imitation": unsafe_imitation,
	"age-block": age_block,
	"age-demote": age_demote,
	"profile-price": profile_price,
}
