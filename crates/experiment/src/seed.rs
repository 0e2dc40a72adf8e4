//! One seed a run, with named children: the weights, the crops of each round and each query have
//! generators of their own, so that none shifts another's draws.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The child of `seed` with the given name, a path of words.
pub fn child(seed: u64, name: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    for word in name {
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word.as_bytes());
    }
    let digest = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

/// A generator seeded by the named child of `seed`.
pub fn generator(seed: u64, name: &[&str]) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(child(seed, name))
}

#[cfg(test)]
mod tests {
    use super::child;

    #[test]
    fn children_differ_by_seed_name_and_split_of_words() {
        let all = [
            child(1, &["crops"]),
            child(2, &["crops"]),
            child(1, &["weights"]),
            child(1, &["a", "bc"]),
            child(1, &["ab", "c"]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
        assert_eq!(child(1, &["crops"]), child(1, &["crops"]));
    }
}
