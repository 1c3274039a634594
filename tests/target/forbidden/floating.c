/* floating.c - what must not be in an image: a floating-point addition. See target.mk. */
void vector_nmi(void);

void vector_nmi(void)
{
    static volatile double sum;

    sum = sum + sum;
}
