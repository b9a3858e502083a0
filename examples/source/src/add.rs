use crate::ops::Op;

impl Op for super::Add {
    type Out = super::Value;
    fn apply(&self, a: super::Value, b: super::Value) -> Self::Out {
        a.raw() + b.raw()
    }
}
