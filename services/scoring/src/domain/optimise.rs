//! Minimisation of smooth functions of a few variables.
//!
//! BFGS with a line search by bisection for the weak Wolfe conditions (Lewis & Overton 2013, "Nonsmooth optimization via
//! quasi-Newton methods", algorithm 2.6), which needs no tuning and ends at any point where progress is possible. The
//! problems here have three or four variables, so the inverse Hessian is kept whole.

/// Gradient, of mean log-likelihood by log-parameter, below which a point counts as a maximum.
const GRADIENT_MAX: f64 = 1e-8;
/// The same where rounding stops the line search first.
const GRADIENT_MAX_AT_ROUNDING: f64 = 1e-6;
/// Relative rise of the value that rounding alone explains: near the minimum the gradient tells more than the value.
const ROUNDING: f64 = 1e-14;
const ITERATIONS_MAX: u32 = 200;
/// Log-parameters beyond this mean that the likelihood has no maximum.
const EDGE: f64 = 11.0;
const ARMIJO: f64 = 1e-4;
const WOLFE: f64 = 0.9;

/// A point, its value and its gradient.
#[derive(Debug, Clone, Copy)]
pub struct Point<const N: usize> {
    /// Where.
    pub at: [f64; N],
    /// Value of the function there.
    pub value: f64,
    /// Gradient there.
    pub gradient: [f64; N],
}

/// What a minimisation came to.
#[derive(Debug, Clone, Copy)]
pub struct Minimum<const N: usize> {
    /// The lowest point seen.
    pub point: Point<N>,
    /// Steps taken.
    pub iterations: u32,
    /// Whether the gradient vanishes there, away from the edge of the search.
    pub converged: bool,
}

/// Returns the lowest of the minima found from several starts.
///
/// `function` answers with value and gradient; values that are no number are treated as infinitely high. Deterministic.
/// `None` only without starts.
pub fn minimise_from<const N: usize>(
    starts: &[[f64; N]],
    function: impl Fn(&[f64; N]) -> (f64, [f64; N]),
) -> Option<Minimum<N>> {
    let mut best: Option<Minimum<N>> = None;
    let mut iterations = 0;
    for start in starts {
        let minimum = minimise(*start, &function);
        iterations += minimum.iterations;
        let better = match &best {
            None => true,
            Some(held) if held.converged != minimum.converged => minimum.converged,
            Some(held) => minimum.point.value < held.point.value,
        };
        if better {
            best = Some(minimum);
        }
    }
    best.map(|minimum| Minimum {
        iterations,
        ..minimum
    })
}

/// Returns the minimum found from one start.
pub fn minimise<const N: usize>(
    start: [f64; N],
    function: &impl Fn(&[f64; N]) -> (f64, [f64; N]),
) -> Minimum<N> {
    let evaluate = |at: [f64; N]| {
        let (value, gradient) = function(&at);
        let sound = value.is_finite() && gradient.iter().all(|g| g.is_finite());
        Point {
            at,
            value: if sound { value } else { f64::INFINITY },
            gradient,
        }
    };
    let mut point = evaluate(start);
    let mut inverse = identity::<N>(1.0 / norm(&point.gradient).max(1.0));
    let mut iterations = 0;
    let mut stuck = false;
    while iterations < ITERATIONS_MAX && largest(&point.gradient) > GRADIENT_MAX {
        iterations += 1;
        let mut direction = times(&inverse, &point.gradient).map(|d| -d);
        if dot(&direction, &point.gradient) >= 0.0 {
            inverse = identity::<N>(1.0 / norm(&point.gradient).max(1.0));
            direction = times(&inverse, &point.gradient).map(|d| -d);
        }
        let Some(next) = line_search(&point, &direction, &evaluate) else {
            if stuck {
                break;
            }
            // A bad curvature estimate: once more along the gradient itself.
            stuck = true;
            inverse = identity::<N>(1e-3 / norm(&point.gradient).max(1e-3));
            continue;
        };
        stuck = false;
        update(&mut inverse, &point, &next, iterations == 1);
        point = next;
        if point.at.iter().any(|x| x.abs() > EDGE) {
            break;
        }
    }
    let inside = point.at.iter().all(|x| x.abs() <= EDGE);
    let converged =
        inside && point.value.is_finite() && largest(&point.gradient) <= GRADIENT_MAX_AT_ROUNDING;
    Minimum {
        point,
        iterations,
        converged,
    }
}

fn line_search<const N: usize>(
    from: &Point<N>,
    direction: &[f64; N],
    evaluate: &impl Fn([f64; N]) -> Point<N>,
) -> Option<Point<N>> {
    let slope = dot(direction, &from.gradient);
    // Steps of more than a factor of e^4 in a parameter are never meant.
    let longest = 4.0 / largest(direction).max(1e-300);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut step = longest.min(1.0);
    let highest = from.value + ROUNDING * from.value.abs();
    let mut fallback = None;
    for _ in 0..40 {
        let at = std::array::from_fn(|i| from.at[i] + step * direction[i]);
        let point = evaluate(at);
        // Values that are no number were made infinite, so the comparison always holds one way or the other.
        if highest + ARMIJO * step * slope < point.value {
            high = step;
        } else if dot(direction, &point.gradient) < WOLFE * slope && step < longest {
            low = step;
            fallback = Some(point);
        } else {
            return Some(point);
        }
        step = if high.is_finite() {
            0.5 * (low + high)
        } else {
            (2.0 * low).min(longest)
        };
    }
    fallback
}

/// The BFGS update of the inverse Hessian; skipped where the curvature is not positive.
fn update<const N: usize>(
    inverse: &mut [[f64; N]; N],
    from: &Point<N>,
    to: &Point<N>,
    first: bool,
) {
    let s: [f64; N] = std::array::from_fn(|i| to.at[i] - from.at[i]);
    let y: [f64; N] = std::array::from_fn(|i| to.gradient[i] - from.gradient[i]);
    let sy = dot(&s, &y);
    if sy <= 1e-300 {
        return;
    }
    if first {
        *inverse = identity::<N>(sy / dot(&y, &y));
    }
    let hy = times(inverse, &y);
    let scale = (1.0 + dot(&y, &hy) / sy) / sy;
    for i in 0..N {
        for j in 0..N {
            inverse[i][j] += scale * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / sy;
        }
    }
}

fn identity<const N: usize>(scale: f64) -> [[f64; N]; N] {
    std::array::from_fn(|i| std::array::from_fn(|j| if i == j { scale } else { 0.0 }))
}

fn times<const N: usize>(matrix: &[[f64; N]; N], vector: &[f64; N]) -> [f64; N] {
    std::array::from_fn(|i| dot(&matrix[i], vector))
}

fn dot<const N: usize>(x: &[f64; N], y: &[f64; N]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn norm<const N: usize>(x: &[f64; N]) -> f64 {
    dot(x, x).sqrt()
}

fn largest<const N: usize>(x: &[f64; N]) -> f64 {
    x.iter().fold(0.0, |most, x| most.max(x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rosenbrock(x: &[f64; 2]) -> (f64, [f64; 2]) {
        let (u, v) = (1.0 - x[0], x[1] - x[0] * x[0]);
        (
            u * u + 100.0 * v * v,
            [-2.0 * u - 400.0 * x[0] * v, 200.0 * v],
        )
    }

    #[test]
    fn finds_the_bottom_of_a_curved_valley_from_every_start() {
        for start in [[-1.2, 1.0], [0.0, 0.0], [3.0, -4.0], [-5.0, 8.0]] {
            let minimum = minimise(start, &rosenbrock);
            assert!(minimum.converged, "{start:?} {minimum:?}");
            assert!(
                (minimum.point.at[0] - 1.0).abs() < 1e-7
                    && (minimum.point.at[1] - 1.0).abs() < 1e-7
            );
        }
    }

    #[test]
    fn tells_that_a_function_without_a_minimum_has_none() {
        let minimum = minimise([0.0], &|x: &[f64; 1]| ((-x[0]).exp(), [-(-x[0]).exp()]));
        assert!(!minimum.converged || minimum.point.value > 0.0);
        let slope = minimise([0.0], &|x: &[f64; 1]| (-x[0], [-1.0]));
        assert!(!slope.converged);
    }

    #[test]
    fn passes_over_values_that_are_no_number() {
        let minimum = minimise([2.0], &|x: &[f64; 1]| {
            (x[0] - x[0].ln(), [1.0 - 1.0 / x[0]])
        });
        assert!(minimum.converged && (minimum.point.at[0] - 1.0).abs() < 1e-8);
    }
}
