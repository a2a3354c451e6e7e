//! The series detector against rows of an independent implementation, and against a whole vector of
//! yours when you name one.

use super::*;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 2e-4 * (1.0 + a.abs().max(b.abs()))
}

/// (bucket, S, T, D, z) of `made_up`, computed by an implementation of its own in another language
/// that agrees with the published vector.
const ROWS: &[(usize, f64, f64, f64, f64)] = &[
    (2306, 0.76621, 0.24121, 0.18092, 0.58246),
    (2307, 0.79468, 0.56763, 0.53208, 0.71521),
    (2308, 0.72382, 0.15612, 0.15973, 0.52513),
    (2309, 0.65294, 0.59616, 0.56735, 0.63306),
    (2310, 0.49686, 0.09937, 0.08761, 0.35774),
    (2311, 0.26976, 0.17037, 0.08587, 0.23497),
    (2312, 0.07100, 0.07100, 0.08624, 0.07100),
    (2313, 0.16331, 0.23432, 0.18393, 0.18816),
    (2314, 0.66041, 0.42607, 0.08085, 0.57840),
    (2315, 0.02841, 0.49715, 0.41790, 0.25074),
    (2316, 0.52562, 0.05682, 0.40959, 0.36154),
    (2317, 0.11366, 0.17049, 0.08161, 0.13355),
    (2318, 0.61098, 0.67492, 0.07998, 0.63336),
    (2319, 0.04974, 0.62526, 0.60371, 0.36223),
    (2320, 16.21596, 15.59063, 0.59170, 15.99709),
    (2321, 0.11366, 15.73527, 15.63153, 9.37892),
    (2322, 0.17755, 15.55310, 15.31440, 9.18864),
    (2323, 1.41997, 17.01120, 15.15291, 9.09174),
    (2324, 0.51102, 17.51676, 16.12973, 9.67784),
    (2325, 0.28380, 17.14180, 15.94361, 9.56617),
    (2326, 1.95759, 15.12880, 15.61949, 9.37170),
    (2327, 1.67340, 16.91131, 15.08290, 9.04974),
    (2328, 0.18430, 17.09006, 14.77639, 8.86583),
    (2329, 0.90701, 16.04978, 14.47601, 8.68560),
    (2330, 15.61265, 0.09209, 13.33200, 10.18046),
    (2331, 0.00000, 0.09210, 2.88753, 1.73252),
    (2332, 0.11336, 0.05668, 2.82999, 1.69799),
    (2334, 0.49598, 0.73688, 2.92240, 1.75344),
    (2335, 0.52437, 0.21258, 3.02010, 1.81206),
    (2336, 0.76535, 0.70866, 2.95993, 1.77596),
    (2337, 0.85044, 0.14174, 2.83003, 1.69802),
    (2338, 0.51030, 0.36855, 2.26334, 1.35800),
    (2339, 0.83638, 0.66627, 2.72854, 1.63712),
    (2340, 0.02835, 0.76556, 3.19873, 1.91924),
    (2341, 0.59548, 0.17014, 3.13501, 1.88100),
    (2342, 0.39701, 0.73731, 3.14339, 1.88604),
    (2343, 0.39704, 0.34032, 2.68371, 1.61022),
    (2344, 0.18435, 0.52470, 2.81455, 1.68873),
    (2345, 3.07749, 3.99932, 2.75845, 3.40013),
    (2346, 0.56736, 4.56726, 6.17877, 3.70726),
    (2347, 0.18442, 4.38360, 6.43923, 3.86354),
    (2348, 0.07094, 4.45524, 6.38240, 3.82944),
    (2349, 0.43992, 4.01604, 6.18481, 3.71089),
    (2350, 0.14193, 4.27211, 5.94845, 3.56907),
    (2351, 0.22712, 4.59923, 5.83036, 3.49821),
    (2352, 0.38333, 4.01786, 5.71464, 3.42878),
    (2353, 0.08520, 4.14624, 5.47337, 3.28402),
    (2354, 0.31243, 3.79179, 5.23686, 3.14211),
    (2355, 0.14203, 3.65027, 4.90556, 2.94334),
    (2356, 0.44036, 4.09110, 4.80806, 2.88484),
    (2357, 0.44042, 3.65126, 4.57049, 2.74230),
    (2358, 0.02842, 3.68013, 4.50807, 2.70484),
    (2359, 0.05684, 3.62374, 4.39003, 2.63402),
    (2360, 1.19384, 4.90329, 4.33116, 2.59870),
    (2361, 0.98080, 3.92321, 4.48681, 2.69209),
    (2362, 0.29854, 4.22222, 4.69614, 2.81768),
    (2363, 0.63981, 5.03317, 4.60279, 2.76168),
    (2364, 1.26558, 3.76831, 4.51138, 2.70683),
    (2365, 0.04266, 3.81139, 4.00921, 2.40553),
    (2366, 0.75383, 4.56565, 3.92947, 2.35768),
    (2367, 0.89618, 3.67009, 3.85141, 2.31085),
];

/// Seven days and more of a daily triangle with noise, gaps, a burst and a lasting fall.
fn made_up() -> Vec<Option<f64>> {
    let mut state: u64 = 12_345;
    let value = |bucket: u64| {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        let time = bucket % 288;
        let triangle = if time < 144 { time } else { 288 - time };
        let mut value = 1_000.0 + (5 * triangle + (state >> 16) % 100) as f64;
        if (2_320..2_330).contains(&bucket) {
            value *= 2.0;
        }
        if bucket >= 2_345 {
            value -= 300.0;
        }
        (bucket % 97 != 5).then_some(value)
    };
    (0..2_400).map(value).collect()
}

#[test]
fn the_scores_are_those_of_the_recipe() {
    let mut detector = SeriesDetector::default();
    let scores: Vec<Score> = made_up().into_iter().map(|value| detector.next(value, 0.0)).collect();
    for (bucket, jump, level, drift, z) in ROWS {
        let score = scores[*bucket];
        for (ours, theirs) in [(score.jump, jump), (score.level, level), (score.drift, drift), (score.z, z)] {
            assert!(close(ours, *theirs), "bucket {bucket}: {score:?}");
        }
    }
    if let Ok(path) = std::env::var("PMTA_VITALS_SERIES_VECTOR") {
        agrees_with(&std::fs::read_to_string(path).unwrap());
    }
}

/// A vector of your own: a CSV of `value,S,T,D,z` with a header, `nan` where the value is unknown.
fn agrees_with(vector: &str) {
    let mut detector = SeriesDetector::default();
    for (number, line) in vector.lines().enumerate().skip(1) {
        let row: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
        let score = detector.next(Some(row[0]).filter(|value| value.is_finite()), 0.0);
        for (ours, theirs) in
            [(score.jump, row[1]), (score.level, row[2]), (score.drift, row[3]), (score.z, row[4])]
        {
            assert!(close(ours, theirs), "line {number}: {score:?} for {row:?}");
        }
    }
}

#[test]
fn a_burst_opens_once_and_a_gap_is_no_zero() {
    let mut detector = SeriesDetector::default();
    let open: Vec<bool> = made_up()
        .into_iter()
        .map(|value| {
            detector.next(value, 0.0);
            detector.is_open()
        })
        .collect();
    assert!(open[2_320], "the burst doubles the value");
    assert!(
        !open[300..2_320].iter().any(|open| *open),
        "the gaps of every ninety-seventh bucket are unknown, not 0"
    );
}

#[test]
fn it_is_kept_and_taken_up_again_as_it_was() {
    let mut detector = SeriesDetector::default();
    for at in 0..700_u32 {
        detector.next((at % 7 != 0).then(|| f64::from(at % 288)), 0.0);
    }
    let text = serde_json::to_string(&detector).unwrap();
    assert!(text.len() < 2_000, "{}", text.len());
    let read: SeriesDetector = serde_json::from_str(&text).unwrap();
    let mut read = read.with_week(&detector.week());
    assert_eq!(read.usual(), detector.usual());
    assert!(read.usual().is_some());
    assert_eq!(read.next(Some(9.0), 0.0), detector.next(Some(9.0), 0.0));
    assert_eq!(read.with_week(b"short").usual(), detector.usual(), "what is no week is left alone");
}
