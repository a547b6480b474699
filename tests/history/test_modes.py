"""Which end of a metric is the better one, by the names that people and libraries give."""

import pytest

from mlpipeline.core.ranking import Mode
from mlpipeline.history.modes import mode_of

HIGH = """
accuracy val_accuracy valAcc val_acc training_accuracy_score balanced_accuracy top_5_accuracy acc1 Accuracy
sparse_categorical_accuracy f1 f1_score val_f1_macro F1Score f1-weighted eval/f1 precision precision_1 precision_at_10
recall recall@5 average_precision auc auc_2 roc_auc ROC_AUC rocAuc training_roc_auc auroc aucpr precision_recall_auc
map@5 mAP50-95 mAP@0.5 mean_average_precision metrics/mAP50(B) ndcg@10 MRR r2 R2 val_r2 r2_score R² explained_variance
d2_absolute_error_score d2_tweedie_score mean_iou IoU dice_coef jaccard_score kappa cohen_kappa_score
matthews_corrcoef silhouette_score adjusted_rand_score v_measure_score bleu BLEU4 rougeL exact_match
neg_mean_squared_error neg_log_loss neg_root_mean_squared_error test_neg_mean_absolute_error neg_brier_score
log_likelihood pearsonr spearman_rho c-index cosine_similarity best_cv_score training_score score
eval_samples_per_second true_positive_rate true_negative_rate hit_rate win_rate episode_reward_mean PSNR ssim
validation_0-auc
"""

LOW = """
loss val_loss train_loss_epoch eval_loss log_loss logloss training_log_loss validation_0-logloss binary_crossentropy
cross_entropy cross-entropy nll negative_log_likelihood gamma-nloglik rmse val_rmse test_rmse RMSE_test
root_mean_squared_error training_mean_absolute_error mean_squared_error mse MAE mape smape
mean_absolute_percentage_error
error val_error error@0.5 merror error_rate max_error accuracy_error coverage_error f1_loss dice_loss hamming_loss
zero_one_loss valid_0-l2 l1 median_absolute_error msle rmsle mean_poisson_deviance brier_score brier_score_loss
kl_divergence perplexity val_perplexity wer CER fid lpips davies_bouldin_score false_positive_rate false_negative_rate
false_negatives eval_runtime latency_ms inference_time aic BIC expected_calibration_error regret cost
"""

UNKNOWN = ["", "gradient_norm", "learning_rate", "epoch", "example_count", "mean_on_target", "foo", "値", "42"]


@pytest.mark.parametrize("metric", HIGH.split())
def test_better_high(metric: str) -> None:
    assert mode_of(metric) is Mode.MAX


@pytest.mark.parametrize("metric", LOW.split())
def test_better_low(metric: str) -> None:
    assert mode_of(metric) is Mode.MIN


@pytest.mark.parametrize("metric", UNKNOWN)
def test_nobody_knows(metric: str) -> None:
    assert mode_of(metric) is None
