"""The words of the page about one study."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STUDY: Mapping[str, str] = MappingProxyType(
    {
        "language": "en",
        "list.last": "{first} and {last}",
        "number.below": "below {limit}",
        "range": "{low} to {high}",
        "range.above": "{low} or more",
        "range.below": "{high} or less",
        "page.title": "{question} Study {study}",
        "page.top": "All studies",
        "banner.use": "Research use, not a diagnosis.",
        "banner.why": "A statistical model made this answer and it can be wrong. "
        "It supports a qualified reader and replaces none.",
        "banner.simulated": "Simulated patients: nobody here is real.",
        "banner.identified": "Re-identified: this page names a patient.",
        # What was asked
        "asked.title": "What was asked",
        "asked.question": "{positive} or {negative}?",
        "asked.task": "Task",
        "asked.study": "Study",
        "asked.patient": "Patient",
        "asked.site": "Site",
        "asked.time": "Index time",
        "asked.time.unknown": "not recorded",
        "asked.cohort": "Cohort",
        # The answer
        "answer.title": "The answer",
        "answer.label": "calibrated probability of {positive}",
        "answer.interval": "{level} interval: {low} to {high}",
        "answer.scale": "Scale from 0 to 100 %: probability {value}, interval {low} to {high}, "
        "threshold {threshold}.",
        "answer.threshold": "threshold {threshold}",
        "answer.called": "Called {name}",
        "answer.above": "{value} is at or above the threshold of {threshold}.",
        "answer.under": "{value} is below the threshold of {threshold}.",
        "answer.rule": "The threshold was chosen out-of-fold by the rule “{rule}”.",
        "answer.crosses": "The interval crosses the threshold, so the decision could fall either way.",
        "answer.clear": "The whole interval lies on the same side of the threshold.",
        "answer.set.one": "The {level} prediction set holds {name} alone.",
        "answer.set.all": "The {level} prediction set holds both {names}: at this level the model cannot "
        "tell them apart for this study.",
        "answer.set.none": "The {level} prediction set is empty: neither answer fits this study well, "
        "so treat the answer with caution.",
        "answer.base": "Before any input the model expects {positive} as often as in training: "
        "in {prevalence} of {studies} studies.",
        "answer.seen": "This study was among those the run learnt from. It was answered only by the "
        "member that never saw it.",
        "answer.unseen": "The run did not learn from this study. The answer is the mean of all "
        "{members} members.",
        "answer.unseen.one": "The run did not learn from this study.",
        "answer.none": "No answer",
        "answer.abstained": "The model abstained.",
        "answer.failed": "This study could not be scored.",
        "answer.in.short": "In short",
        # What was there
        "inputs.title": "What was there, and what was missing",
        "inputs.present": "present",
        "inputs.missing": "missing",
        "inputs.values": "{there} of {all} values known",
        "inputs.why.unknown": "no reason is recorded",
        "inputs.all": "All {count} inputs were there.",
        "inputs.some": "{there} of {count} inputs were there. The answer rests on these alone.",
        "inputs.none": "No input was there. The answer is the base rate of training.",
        # Shares
        "shares.title": "What moved the answer",
        "shares.for": "for {positive}",
        "shares.against": "against {positive}",
        "shares.neutral": "no effect",
        "shares.points.for": "{names} {verb} for {positive}.",
        "shares.points.against": "{names} {verb} against it.",
        "shares.points.against.only": "{names} {verb} against {positive}.",
        "shares.verb.one": "speaks",
        "shares.verb.many": "speak",
        "shares.nothing": "No input moved the answer noticeably.",
        "shares.most": "{name} moved the answer most.",
        "shares.conflict": "The inputs disagree. Read both sides before you trust the sum.",
        "shares.input": "Input",
        "shares.share": "Share (logits)",
        "shares.alone": "Alone",
        "shares.without": "Without it",
        "shares.sum": "All together",
        "shares.columns": "Alone: the probability of {positive} from this input only. Without it: the "
        "probability from all the others.",
        "shares.adds": "With no input the logit is {empty}; with all that was there it is {logit}, a change "
        "of {change}. The shares are exact Shapley values and sum to {sum}; the difference is {delta}.",
        "shares.interaction": "{interaction} logits of this come from the inputs acting together; "
        "the shares contain them.",
        "shares.no.interaction": "The inputs act independently of one another here: no interaction.",
        "shares.small": "This input moved the answer by {share} logits only. Do not read much into "
        "what is marked below.",
        # Panels
        "panel.absent": "Not there for this study: {why}.",
        "panel.absent.what": "An absent input has a share of exactly zero.",
        "panel.method": "Method: {method}.",
        "panel.baseline": "Compared with: {baseline}.",
        "panel.setting": "{name} {value}",
        "panel.settings": "Settings: {settings}.",
        "panel.complete": "The attributions add up to the change of the logit ({change}); "
        "what is left over is {delta}.",
        "panel.incomplete": "This method does not promise that its values add up to the logit.",
        "image.alt": "The image as the model saw it, {width} by {height} pixels.",
        "image.plain": "As the model saw it",
        "image.overlay": "With the map",
        "image.overlay.alt": "The same image with the map over it, strongest {place}, {side}.",
        "image.flat.alt": "The same image; the map is zero everywhere.",
        "image.flat": "The map is zero everywhere: no place in the image moved the answer.",
        "image.no.map": "There is no map for this image.",
        "image.legend.for": "for {positive}",
        "image.legend.against": "against",
        "image.caption": "Orange places speak for {positive}, blue ones against it. Lines (full for, dotted "
        "against) enclose what reaches half of the strongest value.",
        "image.resolution": "The map has {rows} by {columns} fields and is drawn larger, so its edges are "
        "not the edges of anything.",
        "image.contrary": "The strongest place speaks {place}, while the image as a whole speaks {whole}: "
        "what is marked was outweighed.",
        "image.alone": "A map never stands alone: it shows where the model looked, not what it found there, "
        "and not whether it was right.",
        "place.top": "at the top",
        "place.middle": "in the middle",
        "place.bottom": "at the bottom",
        "place.left": "left",
        "place.right": "right",
        "place.centre": "centre",
        "bars.name": "Value",
        "bars.value": "Measured",
        "bars.effect": "Effect (logits)",
        "bars.for": "for",
        "bars.against": "against",
        "bars.reference": "reference {range}",
        "bars.below": "below",
        "bars.above": "above",
        "bars.within": "within",
        "bars.flag": "{word} the reference range",
        "bars.missing": "Missing in this study",
        "bars.missing.effect": "That a value is missing is itself an input; its effect is given in brackets.",
        "bars.caption": "Largest effect first. Bars to the right speak for {positive}, bars to the left "
        "against it.",
        "bars.none": "No values are recorded.",
        "tokens.caption": "Marked words moved the answer most: full underline for {positive}, dotted "
        "underline against it; the deeper the colour, the stronger.",
        "tokens.for": "Strongest for: {words}.",
        "tokens.against": "Strongest against: {words}.",
        "tokens.word": "“{text}” ({effect})",
        "tokens.withheld": "The note was read, but its text is withheld: the recipe keeps note text out of "
        "records. Its share above still counts.",
        "tokens.none": "The note is empty.",
        # The model
        "model.title": "How good this model is",
        "model.intro": "On the {studies} studies of {cohort}, each answered by a member that had not seen it "
        "(out-of-fold):",
        "model.metric": "Measure",
        "model.value": "Value",
        "model.interval": "95 % interval",
        "model.n": "Studies",
        "model.none": "The record holds no figures on how good this model is. "
        "Do not rely on it before you have some.",
        "model.adapted": "Adapted: {how}.",
        "metric.auroc": "AUROC",
        "metric.auprc": "AUPRC",
        "metric.brier": "Brier score",
        "metric.log_loss": "Log loss",
        "metric.calibration_slope": "Calibration slope",
        "metric.calibration_intercept": "Calibration intercept",
        "metric.sensitivity": "Sensitivity",
        "metric.specificity": "Specificity",
        "metric.ppv": "Positive predictive value",
        "metric.npv": "Negative predictive value",
        "metric.balanced_accuracy": "Balanced accuracy",
        "metric.auroc.means": "ranks a random pair of one {positive} and one {negative} study rightly in "
        "{percent} of cases; 0.5 is chance",
        "metric.auprc.means": "precision averaged over all sensitivities; chance is the prevalence, "
        "{prevalence}",
        "metric.brier.means": "mean squared error of the probability; 0 is perfect, always saying the "
        "prevalence gives {base}",
        "metric.log_loss.means": "mean surprise at the truth; smaller is better",
        "metric.calibration_slope.means": "1 is right; below 1 the probabilities are too extreme",
        "metric.calibration_intercept.means": "0 is right; below 0 the probabilities are too high",
        # How to read
        "read.title": "How to read this page",
        "read.probability": "Probability",
        "read.probability.text": "Of 100 studies that get {value}, about {count} should be {positive}, if "
        "patients are like those of training. The interval says how far the figure itself is uncertain.",
        "read.threshold": "Threshold",
        "read.threshold.text": "A convention chosen beforehand, not a property of the patient. "
        "Another trade-off between missed and false alarms needs another threshold.",
        "read.logit": "Logit",
        "read.logit.text": "The scale on which evidence adds up: 0 is even odds, and +0.7 about doubles "
        "the odds. Shares are given before calibration.",
        "read.share": "Share",
        "read.share.text": "How much an input moved the answer, averaged over all orders in which the inputs "
        "could have come (Shapley value). An absent input has a share of exactly zero.",
        "read.attribution": "Maps, bars and marked words",
        "read.attribution.text": "They show what the model used. They do not show a cause of the disease and "
        "do not prove that the model is right; a wrong model is explained just as nicely.",
        # Provenance
        "provenance.title": "Provenance",
        "provenance.run": "Run",
        "provenance.weights": "Weights (SHA-256)",
        "provenance.version": "medxmodal",
        "provenance.model.created": "Trained",
        "provenance.created": "Explained",
        "provenance.members": "Members",
        "provenance.fusion": "Fusion",
        "provenance.trained": "Training cohort",
        "provenance.inputs": "Inputs (SHA-256)",
        "provenance.arrays": "Arrays (SHA-256)",
        "provenance.command": "Command",
        "provenance.licence": "Licence",
        "provenance.logit": "Logit",
        "review.title": "Reviewer",
        "review.agree": "agree",
        "review.disagree": "disagree",
        "review.unsure": "cannot tell",
        "review.comment": "Comment",
        "review.sign": "Name, date",
    }
)
