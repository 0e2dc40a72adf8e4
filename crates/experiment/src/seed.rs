//! Derives all seeds of a run from one. The weights, the crops of each round and each query have
//! named child seeds and so generators of their own. No generator's draws shift another's.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// Returns the child seed of `seed` that `name`, a list of words, stands for.
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

/// Returns a generator seeded with the child of `seed` that `name` stands for.
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
