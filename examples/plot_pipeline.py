"""
A pipeline with cross-validation
================================

The estimators are scikit-learn's in all but name: they stand in pipelines, in grid searches, behind column transformers. Here the
inputs of the diabetes data and their pairwise products are standardised, the strength of penalty and ridge searched for, and
what the search found is still a certified answer.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from solvers import GroupSparsityRegressor, GroupSparsityRegressorCV

X, y = load_diabetes(return_X_y=True)

# %%
# A grid over two parameters of the last step.
pipeline = make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler(), GroupSparsityRegressor())
grid = {
    "groupsparsityregressor__lam": np.geomspace(1.0, 20.0, 6),
    "groupsparsityregressor__l2": [0.0, 0.1],
}
search = GridSearchCV(pipeline, grid, cv=5).fit(X, y)
fit = search.best_estimator_[-1].result_
print(f"best of the grid: {search.best_params_}")
print(f"R2 {search.best_score_:.3f} with {len(fit.support)} of {fit.coef.shape[1]} inputs")
print(f"{fit.status}, gap {fit.certificate.gap:.1e}")

# %%
# Along a whole path at once, and with fewer inputs at nearly the same loss: the estimator that chooses lam itself. Inside
# `cross_val_score` it chooses anew in each fold, so that the score is an honest one.
names = search.best_estimator_[0].get_feature_names_out(load_diabetes().feature_names)
sparing = make_pipeline(
    PolynomialFeatures(2, include_bias=False), StandardScaler(), GroupSparsityRegressorCV(n_lams=30, selection="1se")
)
scores = cross_val_score(sparing, X, y, cv=5)
few = sparing.fit(X, y)[-1].result_
print(f"\none standard error: R2 {scores.mean():.3f} with {len(few.support)} inputs: {', '.join(names[few.support])}")

figure, ax = plt.subplots(layout="constrained")
ax.barh(names[few.support], few.coef[0, few.support])
ax.invert_yaxis()
ax.set_xlabel("coefficient of the standardised input")
plt.show()
