//! The portable form of a trained model, and back.

use crate::domain::currency::minor_per_major;
use crate::domain::dropout;
use crate::domain::fault::Invalid;
use crate::domain::fit::Fit;
use crate::domain::model::{ClvSettings, CustomerValueModel, Draw, Trained, Value};
use crate::domain::population::{Average, Population, Quantiles};
use crate::domain::spend;
use api::scoring as proto;
use prost::Message;

/// An artefact that no model can be made of.
#[derive(Debug, thiserror::Error)]
pub enum BadArtefact {
    /// A part is missing or has the wrong shape.
    #[error("the artefact's {0} is missing or malformed")]
    Malformed(&'static str),
    /// A parameter is out of its range.
    #[error(transparent)]
    Parameter(#[from] Invalid),
}

/// Makes the artefact of a trained model; `about` holds what training knows beside the model.
///
/// Equal inputs give equal bytes, and an equal content hash: BLAKE3 over the artefact without it.
pub fn from_trained(trained: &Trained, about: proto::ModelVersion) -> proto::ModelArtefact {
    let version = proto::ModelVersion {
        family: "btyd".to_owned(),
        bgnbd: Some(dropout_parameters(&trained.bgnbd)),
        mbgnbd: Some(dropout_parameters(&trained.mbgnbd)),
        gamma_gamma: Some(spend_parameters(trained)),
        content_hash: String::new(),
        ..about
    };
    let average = trained.population.average;
    let mut artefact = proto::ModelArtefact {
        version: Some(version),
        quantiles: trained
            .population
            .quantiles
            .iter()
            .map(quantiles_to_proto)
            .collect(),
        draws: trained.model.draws().iter().map(draw_to_proto).collect(),
        average: Some(proto::AverageCustomer {
            repeat_purchases: average.repeats,
            silence_weeks: average.silence_weeks,
            age_weeks: average.age_weeks,
            mean_value_minor: average.value_minor,
            recency_share: average.recency_share,
        }),
    };
    let hash = blake3::hash(&artefact.encode_to_vec()).to_hex().to_string();
    if let Some(version) = &mut artefact.version {
        version.content_hash = hash;
    }
    artefact
}

/// Makes the model and its population of an artefact.
pub fn to_model(
    artefact: &proto::ModelArtefact,
) -> Result<(CustomerValueModel, Population), BadArtefact> {
    let missing = BadArtefact::Malformed;
    let version = artefact.version.as_ref().ok_or(missing("version"))?;
    let dropout = |parameters: &Option<proto::BgNbdParameters>, name| {
        let it = parameters.as_ref().ok_or(missing(name))?;
        Ok::<_, BadArtefact>(dropout::Params::new(it.r, it.alpha, it.a, it.b)?)
    };
    let spend = version.gamma_gamma.as_ref().ok_or(missing("gamma_gamma"))?;
    let draw = Draw {
        bgnbd: dropout(&version.bgnbd, "bgnbd")?,
        mbgnbd: dropout(&version.mbgnbd, "mbgnbd")?,
        spend: spend::Params::new(spend.p, spend.q, spend.v)?,
    };
    let clv = clv_from_proto(version.clv.as_ref())?;
    let draws = artefact
        .draws
        .iter()
        .map(draw_from_proto)
        .collect::<Result<_, _>>()?;
    let model = CustomerValueModel::new(draw, clv, minor_per_major(&version.currency_code), draws)?;
    let average = artefact.average.as_ref().ok_or(missing("average"))?;
    let population = Population {
        average: Average {
            repeats: average.repeat_purchases,
            silence_weeks: average.silence_weeks,
            age_weeks: average.age_weeks,
            value_minor: average.mean_value_minor,
            recency_share: average.recency_share,
        },
        quantiles: artefact
            .quantiles
            .iter()
            .map(quantiles_from_proto)
            .collect::<Result<_, _>>()?,
    };
    Ok((model, population))
}

/// Reads settings; what is absent has its default. Fails where one is out of range.
pub fn clv_from_proto(settings: Option<&proto::ClvSettings>) -> Result<ClvSettings, Invalid> {
    let default = ClvSettings::default();
    let Some(settings) = settings else {
        return Ok(default);
    };
    let months = match settings.horizon_months {
        0 => default.months,
        months => u32::try_from(months).unwrap_or(0),
    };
    let discount = settings
        .monthly_discount_rate
        .unwrap_or(default.monthly_discount);
    ClvSettings::new(months, discount, settings.margin.unwrap_or(default.margin))
}

/// Writes settings.
pub fn clv_to_proto(settings: &ClvSettings) -> proto::ClvSettings {
    proto::ClvSettings {
        horizon_months: settings.months as i32,
        monthly_discount_rate: Some(settings.monthly_discount),
        margin: Some(settings.margin),
    }
}

fn dropout_parameters(fit: &Fit<dropout::Params>) -> proto::BgNbdParameters {
    let [r, alpha, a, b] = fit.params.to_array();
    let iterations = i32::try_from(fit.iterations).unwrap_or(i32::MAX);
    proto::BgNbdParameters {
        r,
        alpha,
        a,
        b,
        log_likelihood: fit.log_likelihood,
        iterations,
    }
}

fn spend_parameters(trained: &Trained) -> proto::GammaGammaParameters {
    let [p, q, v] = trained.spend.params.to_array();
    proto::GammaGammaParameters {
        p,
        q,
        v,
        log_likelihood: trained.spend.log_likelihood,
        customers: trained.spend_customers as i64,
        frequency_value_correlation: trained.correlation,
    }
}

fn draw_to_proto(draw: &Draw) -> proto::ParameterDraw {
    proto::ParameterDraw {
        bgnbd: draw.bgnbd.to_array().to_vec(),
        mbgnbd: draw.mbgnbd.to_array().to_vec(),
        gamma_gamma: draw.spend.to_array().to_vec(),
    }
}

fn draw_from_proto(draw: &proto::ParameterDraw) -> Result<Draw, BadArtefact> {
    let dropout = |values: &[f64]| match values {
        [r, alpha, a, b] => Ok(dropout::Params::new(*r, *alpha, *a, *b)?),
        _ => Err(BadArtefact::Malformed("draws")),
    };
    let [p, q, v] = draw.gamma_gamma[..] else {
        return Err(BadArtefact::Malformed("draws"));
    };
    Ok(Draw {
        bgnbd: dropout(&draw.bgnbd)?,
        mbgnbd: dropout(&draw.mbgnbd)?,
        spend: spend::Params::new(p, q, v)?,
    })
}

fn quantiles_to_proto(quantiles: &Quantiles) -> proto::ScoreQuantiles {
    proto::ScoreQuantiles {
        name: quantiles.value.name().to_owned(),
        horizon_days: quantiles.horizon_days,
        per_mille: quantiles.per_mille.clone(),
    }
}

fn quantiles_from_proto(quantiles: &proto::ScoreQuantiles) -> Result<Quantiles, BadArtefact> {
    let value = Value::ALL
        .into_iter()
        .find(|value| value.name() == quantiles.name);
    Ok(Quantiles {
        value: value.ok_or(BadArtefact::Malformed("quantiles"))?,
        horizon_days: quantiles.horizon_days,
        per_mille: quantiles.per_mille.clone(),
    })
}
