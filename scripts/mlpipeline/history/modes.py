"""Tell from a metric's name which end of it is the better one; pure.

The words are those of scikit-learn's scorers, MLflow's autologging and evaluation, Keras, PyTorch Lightning, Hugging
Face, XGBoost, LightGBM and CatBoost, as their documentation names them.
"""

import re
import unicodedata
from collections.abc import Sequence

from mlpipeline.core.ranking import Mode

_HIGH = """
accuracy acc f1 f2 fbeta fscore precision recall sensitivity specificity auc auroc auprc aucpr roc ap map mar ndcg dcg
mrr jaccard iou miou dice r2 rsquared explained kappa mcc matthews gini ks lift silhouette calinski homogeneity
completeness vmeasure rand ari nmi ami mutualinfo fowlkes bleu sacrebleu rouge rougel meteor chrf bertscore exactmatch
em hit hits psnr ssim pearson pearsonr spearman spearmanr kendall kendalltau correlation corr corrcoef concordance
cindex similarity reward return sharpe profit revenue likelihood loglik elbo success win true tpr tnr ppv npv throughput
persecond pass faithfulness relevance correctness groundedness youden gmean
"""

_LOW = """
loss losses logloss crossentropy entropy nll nloglik error errors err rmse mse mae mape smape wape wmape mase msle rmsle
rae rse rrse rrmse nrmse rmspe medae mdae mad rmsd l1 l2 merror deviance hinge huber quantile pinball brier kl
divergence kullback perplexity ppl bpc bits wer cer ter mer fid kid lpips davies inertia hamming impurity false fpr fnr
fdr misclassification regret latency duration time runtime seconds ms aic bic ece eer far frr distance residual crps
toxicity poisson gamma tweedie cost
"""

_WORDS = dict.fromkeys(_HIGH.split(), Mode.MAX) | dict.fromkeys(_LOW.split(), Mode.MIN)

_INVERTING = frozenset({"neg", "negative"})
"""scikit-learn's `neg_mean_squared_error` is the better the higher it is."""

_PART = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")

_JOINED = 2
"""Parts of a name that may be one word: `log_loss`, `exact_match`, and the `m` and `AP50` of `mAP50`."""


def mode_of(metric: str) -> Mode | None:
    """Tell which end of a metric is the better one.

    The last known word decides, as the head of an English name does: `accuracy_error` is an error. `neg` before it
    turns it around. scikit-learn's D² and a bare `score` are the better the higher. Other words, such as the `val` of
    `val_loss`, say nothing.

    Returns:
        `None` where the name does not tell.
    """
    parts = [part.lower() for part in _PART.findall(unicodedata.normalize("NFKC", metric))]
    if "d2" in parts:
        return Mode.MAX
    for end in range(len(parts), 0, -1):
        if mode := _mode_at_end(parts[:end]):
            return _other(mode) if _INVERTING.intersection(parts[:end]) else mode
    return Mode.MAX if "score" in parts else None


def _mode_at_end(parts: Sequence[str]) -> Mode | None:
    for count in range(_JOINED, 0, -1):
        word = "".join(parts[-count:])
        if mode := _WORDS.get(word) or _WORDS.get(word.rstrip("0123456789")):
            return mode
    return None


def _other(mode: Mode) -> Mode:
    return Mode.MIN if mode is Mode.MAX else Mode.MAX
