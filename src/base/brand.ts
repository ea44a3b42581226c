declare const brand: unique symbol

/** A `T` that only one parser makes, so that two ideas of one shape cannot be confused. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
