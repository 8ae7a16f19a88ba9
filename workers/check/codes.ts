// Every code of a finding: how grave it is, and what it means. The codes of the compiler are errors, for what does not
// compile cannot run; of those found here an error is what certainly contradicts itself or runs away, while what merely never
// comes to pass harms nobody and is a warning. CODES.md lists the same for people; a test holds the two, and what is really
// said, against each other.

export type Severity = 'error' | 'warning';

export const CODES = {
  // The compiler's.
  json: ['error', 'The file is not JSON.'],
  schema: ['error', 'A member is missing, unknown, or of a wrong type or size.'],
  limit: ['error', 'There is more of something than the system accepts.'],
  'unknown-stage': ['error', 'Something leads to a stage the journey does not have.'],
  order: ['error', 'The order names a stage twice, or there is no order to refuse a way back in.'],
  regress: ['error', 'A way leads back in an order that refuses it.'],
  'final-stage': ['error', 'A final stage ends the run, yet something is written to happen in it.'],
  duration: ['error', 'A duration has no fixed length, or is none.'],
  'delay-too-short': ['error', 'A timer is due in less than a second.'],
  'delay-too-long': ['error', 'A delay is longer than ten years, beyond what the platform holds.'],
  zone: ['error', 'A time zone is not in the IANA database.'],
  schedule: ['error', 'A recurrence rule cannot be used.'],
  'condition-syntax': ['error', 'A condition is not CEL.'],
  'condition-type': ['error', 'A condition compares or calculates with values of types that do not go together.'],
  'condition-limit': ['error', 'A condition is too long or nested too deeply.'],
  'condition-function': ['error', 'A condition calls a function that is not there, or calls one in a wrong way.'],
  'time-alone': ['error', 'What is asked again at every change asks for something that time alone changes.'],
  'no-event': ['error', 'What is asked without an event asks for the event.'],
  'start-whole': ['error', 'A condition asks for all properties of the starting event; a run keeps named ones only.'],
  'unknown-webhook': ['error', 'A condition asks for the answer of a webhook the journey does not have.'],
  'wait-timeout': ['error', 'Steps stand where only a timeout leads, and there is none.'],
  'arm-twice': ['error', 'Two arms of an experiment have one name.'],
  'task-due': ['error', 'A task is to be escalated after its due time, and has none.'],
  'reserved-event': ['error', 'A step emits an event that the system makes by itself.'],
  template: ['error', 'A template cannot be rendered.'],
  'unknown-filter': ['error', 'A template calls a filter that is not there.'],
  'filter-argument': ['error', 'A template calls a filter with the wrong arguments.'],
  'unknown-fragment': ['error', 'A template renders a fragment that is not there.'],
  'fragment-loop': ['error', 'Fragments render each other in a circle.'],
  'unknown-variable': ['error', 'A template reads something that nobody declared: it would be empty for everybody.'],
  validity: ['error', 'Content, an offer or an experiment ends before it begins.'],
  'cap-twice': ['error', 'Two caps in all limit the same.'],
  'budget-hold': ['error', 'A budget in money does not say what one customer may spend, or is less than that.'],
  experiment: ['error', 'An experiment contradicts itself, or compares nothing.'],
  'computed-event': ['error', 'A computed trait asks for an event that is not declared.'],
  'computed-type': ['error', 'A computed trait is declared with a type it does not give.'],
  'computed-where': ['error', 'What a computed trait counts depends on more than the event.'],
  'computed-set': ['error', 'A step sets a trait that is worked out from the history.'],
  'segment-condition': [
    'error',
    'A segment asks for what belongs to an event or a run, or for a time nobody can tell.',
  ],
  'account-send': ['error', 'A journey of an account sends, and has nobody to send to.'],
  'account-event': ['error', 'The policies share an event that is not declared.'],
  // Ways through the stages.
  'unreachable-stage': ['warning', 'No way leads from the initial stage to this one.'],
  'dead-end': [
    'warning',
    'A stage that is not final has no way out; only an exit of the journey ends it, if anything.',
  ],
  'loop-without-wait': ['error', 'Stages lead round in a circle at once, for ever: nothing on the way waits.'],
  'loop-possible': ['warning', 'Stages lead round in a circle at once as long as conditions hold.'],
  'journey-loop': ['warning', 'Journeys begin each other round in a circle without a wait.'],
  'stage-passed': ['warning', 'The stage is always left at once, so what waits in it never comes to pass.'],
  // What can never be, or always is.
  'condition-never': ['error', 'A condition contradicts itself: it never holds.'],
  'condition-always': ['warning', 'A condition always holds, so it says nothing.'],
  'transition-shadowed': ['warning', 'An earlier transition, exit or timer always wins over this one.'],
  'branch-shadowed': ['warning', 'An earlier branch always wins over this one.'],
  'dead-else': ['warning', 'The branches cover every case, so else never runs.'],
  'dead-steps': ['warning', 'The steps before always leave, so these never run.'],
  'entry-redundant': ['warning', 'An earlier entry begins the run in every case in which this one would.'],
  'exit-redundant': ['warning', 'An earlier exit ends the run in every case in which this one would.'],
  'wait-never': ['warning', 'The event waited for always leads out of the stage first.'],
  // What does nothing.
  'wait-zero': ['warning', 'A wait of no length does not wait.'],
  'experiment-single': ['warning', 'An experiment with one arm and no holdout compares nothing.'],
  'branch-empty': ['warning', 'No branch has a step, so the branch does nothing.'],
  'cap-useless': ['warning', 'A cap on runs at once has no effect: without a key there is only one.'],
  'reentry-useless': ['warning', 'A cap on entries has no effect: the journey is entered once.'],
  'suspends-itself': ['warning', 'A journey suspends a tag it has itself.'],
  // Names.
  'unknown-event': ['warning', 'The event is not declared, and no journey emits it.'],
  'unknown-trait': ['warning', 'The trait is not declared, and no journey sets it.'],
  'unknown-property': ['warning', 'The event is declared without this property.'],
  'set-type': ['error', 'A step gives a trait a value of another type than declared.'],
  'emit-type': ['error', 'A step gives a property of an event a value of another type than declared.'],
  'window-too-long': ['warning', 'A window of the history is longer than ten years, the longest time there is.'],
  'window-beyond-retention': ['warning', 'A window of the history is longer than the event it asks for is kept.'],
  'unknown-message': ['warning', 'There is no message template of that id.'],
  'message-channel': ['warning', 'The message is written for another channel.'],
  'message-purpose': ['warning', 'The message is declared for another purpose than the step sends it for.'],
  'unknown-offer': ['warning', 'A coupon is granted that no offer describes.'],
  'unknown-journey': ['warning', 'There is no journey of that id.'],
  'start-unheard': ['warning', 'The journey to be started has no entry for this one.'],
  'entry-unstarted': ['warning', 'The journey named by an entry does not start this one.'],
  'unknown-tag': ['warning', 'No journey has the tag that is to be suspended.'],
  'unknown-stage-named': ['warning', 'A condition compares the stage of a journey with one it does not have.'],
  'unknown-segment': ['warning', 'A condition names a segment or an audience that nobody has written.'],
  'segment-step': ['error', 'A step adds to or removes from a segment.'],
  'unknown-placement': ['warning', 'Content or an offer names a placement that placements.json does not declare.'],
  'unknown-place': ['warning', 'Content or an offer names a stage that no journey has.'],
  'unknown-item': ['warning', 'An experiment or a fallback names content, an offer or a placement that is not there.'],
  'language-missing': ['warning', 'A document is not there in a language of the site.'],
} as const satisfies Record<string, readonly [Severity, string]>;

export type Code = keyof typeof CODES;

const isCode = (code: string): code is Code => Object.hasOwn(CODES, code);

/** What is not listed is the compiler's, and an error. */
export const severityOf = (code: string): Severity => (isCode(code) ? CODES[code][0] : 'error');
