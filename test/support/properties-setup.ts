/**
 * Property tests draw the same values in every run, so that none fails by chance. `PROPERTY_SEED=<number>` tries others; a
 * property that fails prints its seed.
 */
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.PROPERTY_SEED ?? 20_261_129) })
