//! Draws of parameters from the Laplace approximation at the maximum of a likelihood.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Standard deviation of the weak prior on each log-parameter, which bounds draws along directions that the data do not
/// tell: a factor of e^2 either way.
const PRIOR_DEVIATION: f64 = 2.0;

/// Returns `count` draws of log-parameters around `mode`, each from a normal distribution whose precision is the curvature
/// of the negative log-likelihood there plus that of a weak prior.
///
/// `gradient`: of the total log-likelihood by log-parameter. The curvature is taken from its central differences and, where
/// it is not positive definite, stiffened until it is. The same inputs and seed give the same bytes.
pub fn draws<const N: usize>(
    mode: [f64; N],
    gradient: impl Fn(&[f64; N]) -> [f64; N],
    count: usize,
    seed: u64,
) -> Vec<[f64; N]> {
    let factor = cholesky_of_precision(&precision(&mode, gradient));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| {
            let normals: [f64; N] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
            let offset = solve_transposed(&factor, &normals);
            std::array::from_fn(|i| mode[i] + offset[i])
        })
        .collect()
}

fn precision<const N: usize>(
    mode: &[f64; N],
    gradient: impl Fn(&[f64; N]) -> [f64; N],
) -> [[f64; N]; N] {
    const STEP: f64 = 1e-4;
    let mut matrix = [[0.0; N]; N];
    for (i, row) in matrix.iter_mut().enumerate() {
        let shifted = |by: f64| {
            gradient(&std::array::from_fn(|k| {
                mode[k] + if k == i { by } else { 0.0 }
            }))
        };
        let (up, down) = (shifted(STEP), shifted(-STEP));
        for j in 0..N {
            row[j] = -(up[j] - down[j]) / (2.0 * STEP);
        }
    }
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let prior = if i == j {
                PRIOR_DEVIATION.powi(-2)
            } else {
                0.0
            };
            0.5 * (matrix[i][j] + matrix[j][i]) + prior
        })
    })
}

/// The lower triangle L with L Lᵀ the precision.
fn cholesky_of_precision<const N: usize>(matrix: &[[f64; N]; N]) -> [[f64; N]; N] {
    let mut stiffening = 0.0;
    loop {
        let stiffened: [[f64; N]; N] = std::array::from_fn(|i| {
            std::array::from_fn(|j| matrix[i][j] + if i == j { stiffening } else { 0.0 })
        });
        if let Some(factor) = cholesky(&stiffened) {
            return factor;
        }
        stiffening = if stiffening == 0.0 {
            1.0
        } else {
            stiffening * 4.0
        };
        if !stiffening.is_finite() {
            // A curvature that is no number tells nothing: the prior alone.
            return std::array::from_fn(|i| {
                std::array::from_fn(|j| if i == j { 1.0 / PRIOR_DEVIATION } else { 0.0 })
            });
        }
    }
}

fn cholesky<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut lower = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let sum = matrix[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
            if i == j {
                if sum.is_nan() || sum <= 1e-9 {
                    return None;
                }
                lower[i][i] = sum.sqrt();
            } else {
                lower[i][j] = sum / lower[j][j];
            }
        }
    }
    Some(lower)
}

/// Solves Lᵀ x = y: normals become draws with covariance (L Lᵀ)⁻¹.
fn solve_transposed<const N: usize>(lower: &[[f64; N]; N], y: &[f64; N]) -> [f64; N] {
    let mut x = [0.0; N];
    for i in (0..N).rev() {
        let sum: f64 = (i + 1..N).map(|k| lower[k][i] * x[k]).sum();
        x[i] = (y[i] - sum) / lower[i][i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_inverse_curvature_as_covariance() {
        // Precision [[4, 1], [1, 2]] less the prior's quarter; the covariance is its inverse, [[2, -1], [-1, 4]] / 7.
        let gradient = |x: &[f64; 2]| [-(3.75 * x[0] + x[1]), -(x[0] + 1.75 * x[1])];
        let drawn = draws([0.0, 0.0], gradient, 40_000, 7);
        let mean = |f: fn(&[f64; 2]) -> f64| drawn.iter().map(f).sum::<f64>() / drawn.len() as f64;
        assert!((mean(|d| d[0] * d[0]) - 2.0 / 7.0).abs() < 0.01);
        assert!((mean(|d| d[0] * d[1]) + 1.0 / 7.0).abs() < 0.01);
        assert!((mean(|d| d[1] * d[1]) - 4.0 / 7.0).abs() < 0.015);
        assert_eq!(drawn, draws([0.0, 0.0], gradient, 40_000, 7));
    }

    #[test]
    fn a_flat_or_broken_likelihood_falls_back_on_the_prior() {
        for slope in [0.0, f64::NAN] {
            let drawn = draws([1.0], move |_| [slope], 2_000, 1);
            assert!(
                drawn
                    .iter()
                    .all(|d| d[0].is_finite() && (d[0] - 1.0).abs() < 12.0)
            );
        }
    }
}
